// What Sealift uses of undici. The rest, which its index.js loads as well (fetch, caches,
// mocks, and with them Node's own copy of undici), would take each export and import 50 ms.
import buildConnector from "../../node_modules/undici/lib/core/connect.js";
import Agent from "../../node_modules/undici/lib/dispatcher/agent.js";
import Dispatcher from "../../node_modules/undici/lib/dispatcher/dispatcher.js";
import request from "../../node_modules/undici/lib/api/api-request.js";

// eslint-disable-next-line @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-member-access -- these files have no types
Dispatcher.prototype.request = request;

export { Agent, buildConnector };
