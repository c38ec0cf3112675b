// Which language the body of a cell has, by its first line. No editor here.

export type Mode =
  | "dockerfile"
  | "javascript"
  | "lua"
  | "perl"
  | "plain"
  | "python"
  | "r"
  | "ruby"
  | "shell"
  | "sql"
  | "yaml";

/** The programs of --as (core/languages.py), and what they run. */
const LANGUAGES: Readonly<Record<string, Mode>> = {
  ash: "shell",
  bash: "shell",
  dash: "shell",
  ksh: "shell",
  sh: "shell",
  zsh: "shell",
  python: "python",
  python3: "python",
  node: "javascript",
  perl: "perl",
  ruby: "ruby",
  lua: "lua",
  r: "r",
  sqlite: "sql",
  psql: "sql",
  mysql: "sql",
};

const AS = /\s--as(?:=|\s+)(?:"([^"]*)"|'([^']*)'|(\S+))/;

/** The mode of a cell that begins with this line; null for one that is not ours. "plain" is a
 * language that is not known: better no colours than wrong ones. */
export function modeOf(line: string): Mode | null {
  const magic = /^\s*%%(image|container|compose|ssh)(?=\s|$)/.exec(line)?.[1];
  switch (magic) {
    case "image":
      return "dockerfile";
    case "compose":
      return "yaml";
    case "ssh":
      return "shell";
    case "container":
      return runBy(line);
    default:
      return null;
  }
}

function runBy(line: string): Mode {
  const found = AS.exec(line);
  if (!found) {
    return "shell";
  }
  const words = (found[1] ?? found[2] ?? found[3] ?? "").trim();
  const program = words.split(/\s+/)[0] ?? "";
  return LANGUAGES[program.toLowerCase()] ?? "plain";
}

/** The Dockerfile of an %%image cell: all but its first line, and one line break at its end. */
export function dockerfileOf(cell: string): string {
  const body = cell.split("\n").slice(1).join("\n");
  return body === "" || body.endsWith("\n") ? body : `${body}\n`;
}

/** Whether a file beside the notebook may have this name: no folder, and nothing of another drive. */
export function isFileName(name: string): boolean {
  return /^[^/\\:\p{Cc}]{1,200}$/u.test(name) && name !== "." && name !== "..";
}
