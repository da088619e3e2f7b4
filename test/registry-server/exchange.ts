import { request } from "undici";
import type { RegistryServer } from "../../src/registry-server/index.js";

/** What a test looks at in an answer. */
export interface Exchanged {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

type Method = "GET" | "HEAD" | "POST" | "PATCH" | "PUT" | "DELETE";

/** Sends a request to a registry as it is, without any client's sense. */
export async function exchange(
  registry: RegistryServer,
  method: Method,
  path: string,
  options: { readonly headers?: Record<string, string>; readonly body?: string | Buffer } = {},
): Promise<Exchanged> {
  const { statusCode, headers, body } = await request(`http://${registry.host}${path}`, { method, ...options });
  return { status: statusCode, headers, body: await body.text() };
}
