// Generated from container_magics/view/model.py by `make view-ts`. Do not edit.
// Every field is there: to_json in container_magics/view/bundle.py writes them all.

export const MIME = "application/vnd.container-magics.v1+json";

/** One sentence; ``hint`` says what to do ("" for nothing), ``facts`` are lines under it. */
export interface Note {
  readonly kind: "note";
  readonly text: string;
  readonly level: "info" | "ok" | "warning" | "error";
  readonly hint: string;
  readonly facts: ReadonlyArray<string>;
}

/** A column's heading; numbers are aligned right. */
export interface Column {
  readonly name: string;
  readonly align: "left" | "right";
}

/** Rows in the order given, each as long as ``columns``. ``empty`` is said for no rows. */
export interface Table {
  readonly kind: "table";
  readonly columns: ReadonlyArray<Column>;
  readonly rows: ReadonlyArray<ReadonlyArray<string>>;
  readonly caption: string;
  readonly empty: string;
}

/** A node of a tree. ``further`` children follow ``children`` under more folds, a page in each; ``omitted`` counts those that are not shown at all, 0 for none. */
export interface Node {
  readonly label: string;
  readonly text: string;
  readonly mark: "" | "added" | "changed" | "hidden";
  readonly children: ReadonlyArray<Node>;
  readonly omitted: number;
  readonly further: ReadonlyArray<Node>;
}

/** A forest to open; the order of ``nodes`` is the order shown. */
export interface Tree {
  readonly kind: "tree";
  readonly nodes: ReadonlyArray<Node>;
  readonly caption: string;
}

/** A step of work. ``time`` is text ("1.2 s", "" for unknown), ``lines`` its last output. ``remarks`` are short: what it waits for, why it ran again. ``begin`` and ``length`` place it in the whole work's time (0.0 to 1.0); length 0.0 is no bar. ``critical`` steps are those that the whole had to wait for. */
export interface Step {
  readonly name: string;
  readonly state: "waiting" | "running" | "done" | "cached" | "failed" | "cancelled";
  readonly time: string;
  readonly lines: ReadonlyArray<string>;
  readonly group: string;
  readonly remarks: ReadonlyArray<string>;
  readonly begin: number;
  readonly length: number;
  readonly critical: boolean;
}

/** Steps in the order shown; those of one group stand together. */
export interface Steps {
  readonly kind: "steps";
  readonly steps: ReadonlyArray<Step>;
  readonly caption: string;
}

/** How far a thing is. ``fraction`` is 0.0 to 1.0, None while the whole is unknown. */
export interface Meter {
  readonly kind: "meter";
  readonly label: string;
  readonly fraction: number | null;
  readonly text: string;
}

/** One layer. ``fraction`` is its share of the widest bar, ``hidden`` the part of that bar (0.0 to 1.0) which a later layer hides; ``nodes`` open under it. */
export interface StackRow {
  readonly label: string;
  readonly size: string;
  readonly fraction: number;
  readonly hidden: number;
  readonly kind: "layer" | "empty" | "writable";
  readonly text: string;
  readonly nodes: ReadonlyArray<Node>;
}

/** Layers, oldest first; drawn with the oldest at the bottom. Where no row has a size and none a bar, neither is drawn. */
export interface Stack {
  readonly kind: "stack";
  readonly rows: ReadonlyArray<StackRow>;
  readonly caption: string;
}

/** A box of a treemap. ``width`` is its share of its strip (0.0 to 1.0). */
export interface Tile {
  readonly label: string;
  readonly size: string;
  readonly width: number;
}

/** Boxes side by side. ``height`` is the strip's share of the map (0.0 to 1.0). */
export interface Strip {
  readonly tiles: ReadonlyArray<Tile>;
  readonly height: number;
}

/** Sizes as areas, in strips from top to bottom. */
export interface Treemap {
  readonly kind: "treemap";
  readonly strips: ReadonlyArray<Strip>;
  readonly caption: string;
}

/** Views under one another, with a title ("" for none). */
export interface Group {
  readonly kind: "group";
  readonly views: ReadonlyArray<View>;
  readonly title: string;
}

export type View = Note | Table | Tree | Steps | Meter | Stack | Treemap | Group;
