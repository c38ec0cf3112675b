// What a reader has set, and what stands where that is nothing or wrong.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { DEFAULTS, preferences } from "../src/preferences";

interface Schema {
  readonly properties: Readonly<Record<string, { readonly default: unknown }>>;
}

describe("preferences", () => {
  it("are those of the schema, where nothing is set", () => {
    const path = join(__dirname, "../schema/sidebar.json");
    const { properties } = JSON.parse(readFileSync(path, "utf8")) as Schema;
    const defaults = Object.entries(properties).map(([name, property]) => [name, property.default]);
    expect(Object.fromEntries(defaults)).toEqual(DEFAULTS);
    expect(preferences({})).toEqual(DEFAULTS);
  });

  it("are what was set", () => {
    const set = { notebookFirst: false, othersToo: false, askBeforeRemoving: false, logLines: 50, imageCellButtons: false };
    expect(preferences(set)).toEqual(set);
  });

  it.each([
    [{ logLines: 1 }, 10],
    [{ logLines: 1e9 }, 10_000],
    [{ logLines: "many" }, DEFAULTS.logLines],
    [{ logLines: 10.5 }, DEFAULTS.logLines],
  ])("of %j keep %d lines", (set, lines) => {
    expect(preferences(set).logLines).toBe(lines);
  });

  it("ask before removing, where what was set is no answer", () => {
    expect(preferences({ askBeforeRemoving: "no" }).askBeforeRemoving).toBe(true);
  });
});
