import type { TestProject } from "vitest/node";
import { IMAGES, type ImageKind, makeImages, pushImage } from "./images.js";
import { Registry } from "./registry.js";
import { missingFor } from "./tools.js";
import { Workplace } from "./workplace.js";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder of a registry that has all images: see Registry.start. */
    readonly nearRegistry: string;
  }
}

/** Makes the images once for all test files. What it returns is called after the last one. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // The tests themselves say what is missing.
  if (missingFor([]).length > 0) {
    return () => Promise.resolve();
  }
  const workplace = await Workplace.make();
  try {
    const folder = workplace.join("near");
    await fillRegistry(folder, await makeImages(workplace.path));
    project.provide("nearRegistry", folder);
  } catch (error) {
    await workplace[Symbol.asyncDispose]();
    throw error;
  }
  return () => workplace[Symbol.asyncDispose]();
}

async function fillRegistry(folder: string, images: Readonly<Record<ImageKind, string>>): Promise<void> {
  await using registry = await Registry.start(folder);
  for (const [kind, source] of Object.entries(images)) {
    await pushImage(source, registry.host, IMAGES[kind as ImageKind]);
  }
}
