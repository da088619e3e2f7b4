import { quote, SealiftError } from "../../errors/index.js";
import { basicAuthorization } from "../credentials/index.js";
import { type GoesDirectly, parseNoProxy } from "./no-proxy.js";

/** A proxy, and what it has to be told. */
export interface Proxy {
  /** Without user and password. */
  readonly url: URL;
  /** With the user and the password that the environment states, if it does. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The proxies that the environment names, by the rules of Go's programs:
 * HTTPS_PROXY for https, HTTP_PROXY for http, NO_PROXY for what needs none, each
 * in capitals or not (https://pkg.go.dev/golang.org/x/net/http/httpproxy#FromEnvironment).
 */
export class Proxies {
  readonly #env: NodeJS.ProcessEnv;
  readonly #known = new Map<string, Proxy | undefined>();
  #goesDirectly: GoesDirectly | undefined;

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  /**
   * The proxy for a URL, if it is reached through one.
   *
   * @throws SealiftError `CONFIG_INVALID` if the environment names something else than a proxy.
   */
  for(url: URL): Proxy | undefined {
    const proxy = this.#named(url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY");
    if (proxy === undefined) return undefined;
    this.#goesDirectly ??= parseNoProxy(this.#env["NO_PROXY"] || this.#env["no_proxy"] || "");
    return this.#goesDirectly(url) ? undefined : proxy;
  }

  #named(variable: string): Proxy | undefined {
    if (!this.#known.has(variable)) {
      const text = this.#env[variable] || this.#env[variable.toLowerCase()];
      this.#known.set(variable, text ? parseProxy(text.trim(), variable) : undefined);
    }
    return this.#known.get(variable);
  }
}

function parseProxy(text: string, variable: string): Proxy {
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
  const whole = hasScheme ? text : `http://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  // What stands behind the host may be the rest of a password.
  if (url === undefined || url.pathname.length > 1 || url.search !== "" || url.hash !== "") {
    throw invalid(variable, "something else");
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw invalid(variable, `one of the kind ${quote(url.protocol.slice(0, -1), 20)}`);
  }
  const headers = authorizationOf(url, variable);
  url.username = "";
  url.password = "";
  return { url, headers };
}

function authorizationOf({ username, password }: URL, variable: string): Readonly<Record<string, string>> {
  if (username === "" && password === "") return {};
  try {
    const login = { username: decodeURIComponent(username), password: decodeURIComponent(password) };
    return { "proxy-authorization": basicAuthorization(login) };
  } catch {
    throw invalid(variable, "something else");
  }
}

// Nothing of the value is shown: it may hold a password.
function invalid(variable: string, came: string): SealiftError {
  return new SealiftError("CONFIG_INVALID", `expected ${variable} to be the URL of an HTTP proxy, got ${came}`, {
    hint: "write it like http://proxy.internal:3128, and special characters of a password as %23, %2F, %3A, %40",
  });
}
