import { writeFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_LIST_SIZE, parseImageList, readImageList } from "../../src/image-lists/index.js";
import { TempFolder } from "../support/temp-folder.js";

async function parse(text: string | Uint8Array): Promise<string[]> {
  return await parseImageList(Buffer.from(text), "images.txt");
}

describe("a list of images", () => {
  test.each([
    ["one in a line", "nginx:1.27\nredis:7\n", ["nginx:1.27", "redis:7"]],
    ["without an end of the last line", "nginx:1.27\nredis:7", ["nginx:1.27", "redis:7"]],
    ["from Windows", "\ufeffnginx:1.27\r\nredis:7\r\n", ["nginx:1.27", "redis:7"]],
    ["from an old Mac", "nginx:1.27\rredis:7\r", ["nginx:1.27", "redis:7"]],
    [
      "comments, empty lines, spaces",
      "# base\n\n  nginx:1.27 # web\n\t#redis\n \nredis:7\t\n",
      ["nginx:1.27", "redis:7"],
    ],
    [
      "patterns, with their spaces",
      "nginx:>=1.26 <2 # both\nredis:7.*@newest=2",
      ["nginx:>=1.26 <2", "redis:7.*@newest=2"],
    ],
    ["what is named twice stays so", "nginx:1\nnginx:1", ["nginx:1", "nginx:1"]],
  ])("%s", async (_what, text, images) => {
    expect(await parse(text)).toEqual(images);
  });

  test.each([
    ["nginx:1.27\n\nredis:7:8\n", "REFERENCE_INVALID", '(line 3 of "images.txt")'],
    ["\ufeff# a\r\n\r\nNGINX\r\n", "REFERENCE_INVALID", '(line 3 of "images.txt")'],
    ["nginx:~foo", "REFERENCE_INVALID", '(line 1 of "images.txt")'],
    ["nginx:1.27 redis:7", "REFERENCE_INVALID", '(line 1 of "images.txt")'],
    ["nginx:1#2", "REFERENCE_INVALID", '(line 1 of "images.txt")'],
    ["", "CONFIG_INVALID", 'expected "images.txt" to name an image in a line, got none'],
    ["# nothing\n", "CONFIG_INVALID", 'expected "images.txt" to name an image in a line, got none'],
  ])("%j is %s", async (text, code, message) => {
    await expect(parse(text)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
      hint: expect.any(String) as string,
    });
  });

  test("UTF-16, which PowerShell writes, is said to be it", async () => {
    await expect(parse(Buffer.from("\ufeffnginx", "utf16le"))).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: 'expected "images.txt" to be text in UTF-8, got something else',
    });
  });

  test("hostile: control characters do not reach the terminal", async () => {
    await expect(parse("nginx\u001b[2J")).rejects.toMatchObject({
      message: expect.not.stringMatching(/\u001b/) as string,
    });
  });

  test("hostile: a long line of spaces takes no longer than others", async () => {
    expect(await parse(`nginx${" ".repeat(1_000_000)}`)).toEqual(["nginx"]);
  });

  test("any text: images, or an error of ours", async () => {
    const text = fc.string({ unit: fc.constantFrom(...Array.from("an:/@.*# \t\r\n~1")), maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(text, async (list) => {
        try {
          expect((await parse(list)).every((image) => image !== "" && image.trim() === image)).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^(REFERENCE|CONFIG)_INVALID$/) as string });
        }
      }),
    );
  });
});

describe("a file with a list", () => {
  test("is read, and bounded", async () => {
    await using folder = await TempFolder.create();
    const path = folder.file("images.txt");
    await writeFile(path, "nginx:1.27\n");
    expect(await readImageList(path)).toEqual(["nginx:1.27"]);
    await writeFile(path, "#".repeat(MAX_LIST_SIZE + 1));
    await expect(readImageList(path)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    await expect(readImageList(folder.file("gone"))).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
  });
});
