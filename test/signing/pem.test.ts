import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isSealiftError } from "../../src/errors/index.js";
import { decodePem, MAX_KEY_FILE_SIZE, readPem, writePem } from "../../src/signing/pem.js";
import { failureOf } from "../support/errors.js";

const PEM = "-----BEGIN PUBLIC KEY-----\nAQID\n-----END PUBLIC KEY-----\n";

describe("a PEM file", () => {
  test("is read as label and bytes", () => {
    const block = readPem(PEM);
    expect(block.label).toBe("PUBLIC KEY");
    expect([...decodePem(block)]).toEqual([1, 2, 3]);
  });

  test("is read with text around it, indented, and with the line ends of Windows", () => {
    const block = readPem(`The key of Alice:\n\n  ${PEM.replaceAll("\n", "\r\n  ")}\nbye`);
    expect([...decodePem(block)]).toEqual([1, 2, 3]);
  });

  test("may begin with the EC PARAMETERS that openssl ecparam writes", () => {
    expect(readPem(`-----BEGIN EC PARAMETERS-----\nBggq\n-----END EC PARAMETERS-----\n${PEM}`).label).toBe(
      "PUBLIC KEY",
    );
  });

  test("is written as it is read, in lines of 64", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 500 }), (bytes) => {
        const pem = writePem("SOME KEY", bytes);
        expect(Math.max(...pem.split("\n").map((line) => line.length))).toBeLessThanOrEqual(64);
        expect(new Uint8Array(decodePem(readPem(pem)))).toEqual(bytes);
      }),
    );
  });

  test.each([
    ["empty", "", "without a PEM block"],
    ["not PEM", "AQID\n", "without a PEM block"],
    ["two keys, of which only one could count", PEM + PEM, "expected one key in the file, got 2"],
    ["torn off before its end", PEM.slice(0, 40), 'the PEM block "PUBLIC KEY" to end'],
    ["ended by another label", PEM.replace("END PUBLIC", "END PRIVATE"), 'the PEM block "PUBLIC KEY" to end'],
    ["too large", PEM + " ".repeat(MAX_KEY_FILE_SIZE), "at most 65536 bytes"],
  ])("is refused when it is %s", async (_what, text, message) => {
    const error = await failureOf(() => readPem(text));
    expect(error.code).toBe("KEY_INVALID");
    expect(error.message).toContain(message);
    expect(error.hint).toContain("sealift keygen");
  });

  test.each(["", "AQI", "AQ=D", "AQID====", "A-_D", "Proc-Type: 4,ENCRYPTEDAQID"])(
    "is refused when its body is %j",
    async (body) => {
      const error = await failureOf(() => decodePem(readPem(PEM.replace("AQID", body))));
      expect(error.code).toBe("KEY_INVALID");
      expect(error.message).toContain("base64");
    },
  );

  test("of any content is read or refused, never anything else", () => {
    const line = fc.constantFrom("-----BEGIN A-----", "-----END A-----", "-----BEGIN B KEY-----", "AQID", "-----", "");
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(line, { maxLength: 12 }).map((lines) => lines.join("\n")),
        ),
        (text) => {
          try {
            decodePem(readPem(text));
          } catch (error) {
            if (!isSealiftError(error, "KEY_INVALID")) throw error;
          }
        },
      ),
    );
  });
});
