// The golden views that Python and TypeScript both read: tests/views/*.json.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import type { View } from "../src/view";

export interface Golden {
  readonly name: string;
  readonly view: View;
  readonly plain: string;
  readonly html: string;
}

const FOLDER = join(__dirname, "../../tests/views");

/** Every golden view, by name. */
export function goldens(): Golden[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => ({ name, ...read(name) }));
}

function read(name: string): Omit<Golden, "name"> {
  return JSON.parse(readFileSync(join(FOLDER, name), "utf8")) as Omit<Golden, "name">;
}
