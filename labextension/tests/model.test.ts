// What the sidebar holds after each message, and in which order it shows containers.
import { describe, expect, it } from "vitest";

import { type Container, LISTS, NOTHING, applied, grouped, isSpare, particulars, size } from "../src/model";

function container(name: string, more: Partial<Container> = {}): Container {
  return {
    container_id: `${name}-id`,
    name,
    image: "app:1",
    state: "running",
    status: "Up 2 minutes",
    ports: [],
    labels: {},
    mine: false,
    notebook: "",
    ...more,
  };
}

function names(containers: ReadonlyArray<Container>): string[] {
  return containers.map((one) => one.name);
}

const UP = { ok: true, name: "Docker", version: "20.10", root: "/home/me", message: "", hint: "" };

describe("a spare", () => {
  it("is told from what a reader has started", () => {
    expect(isSpare(container("cm-spare-1", { labels: { "container-magics.purpose": "spare" } }))).toBe(true);
    expect(isSpare(container("cm-spare-2", { labels: { "container-magics.purpose": "cell" } }))).toBe(false);
    expect(isSpare(container("mine"))).toBe(false);
  });
});

describe("a message", () => {
  it("of an engine that answers has every list read", () => {
    const [held, lists] = applied(NOTHING, { type: "state", state: UP });
    expect(held.state).toEqual(UP);
    expect(lists).toEqual(LISTS);
  });

  it("of an engine that went away leaves nothing that may be old", () => {
    const before = { ...NOTHING, state: UP, containers: [container("a")] };
    const down = { ...UP, ok: false, message: "No engine answers." };
    expect(applied(before, { type: "state", state: down })).toEqual([{ ...NOTHING, state: down }, []]);
  });

  it("of a container adds it, changes it where it stands, and takes it away", () => {
    const before = { ...NOTHING, containers: [container("a"), container("b")] };
    const [added] = applied(before, { type: "container", id: "c-id", container: container("c") });
    expect(names(added.containers)).toEqual(["c", "a", "b"]);
    const ended = container("a", { state: "exited" });
    const [changed] = applied(added, { type: "container", id: "a-id", container: ended });
    expect(changed.containers.map((one) => one.state)).toEqual(["running", "exited", "running"]);
    const [gone] = applied(changed, { type: "container", id: "a-id", container: null });
    expect(names(gone.containers)).toEqual(["c", "b"]);
    expect(applied(gone, { type: "container", id: "a-id", container: null })[0]).toEqual(gone);
  });

  it("of another kind has its list read", () => {
    expect(applied(NOTHING, { type: "volumes" })).toEqual([NOTHING, ["volumes"]]);
  });
});

describe("the order", () => {
  it("is this notebook's, the user's others', then strangers'; those that run first", () => {
    const groups = grouped(
      [
        container("stranger"),
        container("ended", { mine: true, notebook: "/home/me/a/x.ipynb", state: "exited" }),
        container("own", { mine: true, notebook: "/home/me/a/x.ipynb" }),
        container("other", { mine: true, notebook: "/home/me/b/x.ipynb" }),
        container("liar", { notebook: "/home/me/a/x.ipynb" }),
      ],
      "RTC:a/x.ipynb",
      "/home/me",
    );
    expect(names(groups.here)).toEqual(["own", "ended"]);
    expect(names(groups.mine)).toEqual(["other"]);
    expect(names(groups.others)).toEqual(["stranger", "liar"]);
  });

  it.each([
    ["/home/me", ["root"]],
    ["/home/me/a/", ["below"]],
    ["/", []],
    ["C:\\me", ["drive"]],
    ["", ["root", "below", "elsewhere", "drive"]], // not known: the end of the path has to do
  ])("knows the notebook of a server of %s from others of its name", (root, here) => {
    const made = (name: string, notebook: string): Container => container(name, { mine: true, notebook });
    const all = [
      made("root", "/home/me/x.ipynb"),
      made("below", "/home/me/a/x.ipynb"),
      made("elsewhere", "/srv/x.ipynb"),
      made("drive", "C:\\me\\x.ipynb"),
      made("longer", "/home/me/xx.ipynb"),
    ];
    expect(names(grouped(all, "x.ipynb", root).here)).toEqual(here);
  });

  it("has none of this notebook where none is open", () => {
    expect(grouped([container("a", { mine: true, notebook: "x.ipynb" })], "", "/").here).toEqual([]);
  });
});

describe("words", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1 kB"],
    [12_800_000, "12.8 MB"],
    [999_600_000, "1 GB"],
    [143_000_000, "143 MB"],
  ])("of %d bytes are %s", (bytes, words) => {
    expect(size(bytes)).toBe(words);
  });

  it("of a container leave our own labels out", () => {
    const labels = { "container-magics.session": "s", note: "<b>" };
    expect(particulars(container("a", { labels, ports: [["80/tcp", "127.0.0.1:8080"]] }))).toBe(
      "app:1 · Up 2 minutes · a-id · 127.0.0.1:8080 → 80/tcp · note=<b>",
    );
  });
});
