// What a reader may set (schema/sidebar.json says each in words), and the values where nothing is set.

export interface Preferences {
  readonly notebookFirst: boolean;
  readonly othersToo: boolean;
  readonly askBeforeRemoving: boolean;
  /** 10 to 10,000: as many as the server sends (jupyter/serverlog.py). */
  readonly logLines: number;
  readonly imageCellButtons: boolean;
}

export const DEFAULTS: Preferences = {
  notebookFirst: true,
  othersToo: true,
  askBeforeRemoving: true,
  logLines: 1000,
  imageCellButtons: true,
};

/** What was set; the default for each that is missing or of another type. */
export function preferences(set: Readonly<Record<string, unknown>>): Preferences {
  const flag = (name: keyof Preferences): boolean => {
    const value = set[name];
    return typeof value === "boolean" ? value : Boolean(DEFAULTS[name]);
  };
  const lines = set.logLines;
  return {
    notebookFirst: flag("notebookFirst"),
    othersToo: flag("othersToo"),
    askBeforeRemoving: flag("askBeforeRemoving"),
    logLines:
      typeof lines === "number" && Number.isInteger(lines)
        ? Math.min(10_000, Math.max(10, lines))
        : DEFAULTS.logLines,
    imageCellButtons: flag("imageCellButtons"),
  };
}
