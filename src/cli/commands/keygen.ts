import { choosePassword } from "../password.js";
import { fieldLines } from "../render/fields.js";
import { shellWord } from "../render/shell-word.js";
import { defineCommand } from "./command.js";

export const keygen = defineCommand({
  name: "keygen",
  summary: "Make a key pair: one half signs bundles, the other checks them",
  usage: "[--output-key-prefix NAME]",
  operands: {},
  options: {
    "output-key-prefix": {
      type: "string",
      requiresArg: true,
      default: "sealift",
      describe: "Write NAME.key and NAME.pub",
    },
  },
  run: async ({ "output-key-prefix": prefix }, session) => {
    const { trustedKeysFolder, writeKeyPair } = await import("../../index.js");
    const keys = await writeKeyPair(prefix, () => choosePassword(`${prefix}.key`, session));
    return {
      result: keys,
      failures: [],
      lines: [
        `Made the key pair ${keys.keyId}`,
        ...fieldLines(
          [
            [keys.privateKeyPath, "signs: keep it, and its password, where you export"],
            [keys.publicKeyPath, "checks: bring it to the far side by a way you trust, not with the bundles"],
          ],
          2,
        ),
        "",
        "Next, on this side:",
        `  sealift export IMAGE... -o bundle.tar --key ${shellWord(keys.privateKeyPath)}`,
        `On the far side, a public key in ${trustedKeysFolder(session.host.env)} needs no --key.`,
      ],
    };
  },
});
