import type { PullQuota } from "../../index.js";
import type { Field } from "./fields.js";
import { counted } from "./units.js";

/** What is left of the pulls that registries count; no fields if none does. */
export function quotaFields(quotas: readonly PullQuota[]): Field[] {
  return quotas.map(({ registry, limit, remaining, windowSeconds, source }, index) => {
    const whom = source === undefined ? "" : ` for ${source}`;
    const window =
      windowSeconds < 7200
        ? counted(Math.ceil(windowSeconds / 60), "minute")
        : counted(Math.round(windowSeconds / 3600), "hour");
    return [index === 0 ? "pulls" : "", `${remaining} of ${limit} in ${window} are left at ${registry}${whom}`];
  });
}
