import { AUTHFILE_OPTION, credentialSources } from "../registry-options.js";
import { fieldLines } from "../render/fields.js";
import { defineCommand } from "./command.js";
import { parseRegistry } from "./login.js";

export const logout = defineCommand({
  name: "logout",
  summary: "Remove what login keeps for a registry",
  usage: "REGISTRY [options]",
  operands: { registry: { type: "string", demandOption: true, describe: "docker.io, ghcr.io, reg.internal:5000" } },
  options: AUTHFILE_OPTION,
  run: async (args, session) => {
    const { logOut } = await import("../../index.js");
    const from = await parseRegistry(args.registry, "logout");
    const { path, helper, wasThere, remains } = await logOut(from, credentialSources(args, session));
    if (remains !== undefined) session.warnAloud(`there still are credentials for ${from}: ${remains}`);
    return {
      result: { registry: from, path, helper, wasThere, remains },
      failures: [],
      lines: [
        wasThere ? `Logged out of ${from}` : `Nothing was kept for ${from}`,
        ...fieldLines([[wasThere ? "removed from" : "looked in", helper ?? path]], 2),
      ],
    };
  },
});
