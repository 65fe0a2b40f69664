// element makes an element; text and attributes are only ever data to the page.
function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== undefined && child !== null));
  return node;
}

function number(n) { return n.toLocaleString("en"); }

function count(n, one, many) { return `${number(n)} ${n === 1 ? one : many}`; }

// timeText is a time in UTC, or as seconds where a year has no four digits.
function timeText(sec, nsec) {
  const fraction = "." + String(nsec).padStart(9, "0");
  if (typeof sec === "string" || sec < -62135596800 || sec > 253402300799 || nsec > 999999999) return "@" + sec + fraction;
  return new Date(sec * 1000).toISOString().slice(0, 19) + fraction + "Z";
}

// bytesText shows base64 as a string in quotes: printable ASCII stays, all else
// is \xHH.
function bytesText(base64) {
  let text = "";
  for (const c of atob(base64)) {
    const code = c.charCodeAt(0);
    if (c === "\\" || c === "\"") text += "\\" + c;
    else if (code >= 0x20 && code < 0x7f) text += c;
    else text += "\\x" + code.toString(16).padStart(2, "0");
  }
  return `"${text}"`;
}

function shorten(text, max) {
  if (text.length <= max) return text;
  const half = Math.floor((max - 1) / 2);
  return text.slice(0, half) + "…" + text.slice(-half);
}

// changeText shows one side of a change.
function changeText(change, side, difference) {
  const entry = difference[side];
  const value = change[side];
  switch (change.field) {
    case "mtime": return timeText(entry.mtime.sec, entry.mtime.nsec);
    case "mtime-nsec": return "." + String(value).padStart(9, "0");
    case "size": return count(value, "byte", "bytes");
    case "nlink": return count(value, "link", "links");
    case "xattr": return value === null ? "none" : bytesText(value);
    case "payload": return value === "" ? "no path" : value;
    case "storage": return value === "inline" ? "in the image" : "in the content store";
    case "hardlinks": {
      const more = change[side + "More"];
      return value.length === 0 ? "no other name" : "one inode with " + value.join(", ") + (more ? ` and ${more} more` : "");
    }
  }
  return String(value);
}

// fullChange is a change of a difference with the values of both sides.
function fullChange(difference, change) {
  return difference.changes.find((c) => changeKey(c) === changeKey(change)) || change;
}

function entryText(entry) {
  let text = entry.type;
  if (entry.size !== undefined) text += ` of ${count(entry.size, "byte", "bytes")}`;
  if (entry.target !== undefined) text += ` to ${entry.target}`;
  if (entry.rdev) text += ` ${entry.rdev.major}:${entry.rdev.minor}`;
  return `${text}, mode ${entry.mode}, owner ${entry.uid}:${entry.gid}`;
}

function originText(origin, side) {
  const layer = layerText(side + origin.layer);
  if (origin.implicit) return `no layer has an entry for it; ${layer} needs it for entry ${origin.entry}`;
  return `${layer}, entry ${origin.entry}`;
}

// sourceText names the tar entry that the cause of a part lies in.
function sourceText(part) {
  const source = unpack(part.source);
  let text = layerText(part.layer);
  if (source.entry > 0) text += `, entry ${source.entry}`;
  if (source.header) text += `, ${source.header.name}`;
  return text;
}

// sameSource says that the cause lies in the entry's own tar entry.
function sameSource(part) {
  return ["a", "b"].some((side) => {
    const origin = get(get(part.difference.value, side), "origin");
    return origin && get(origin, "layer") === get(part.source, "layer") && get(origin, "entry") === get(part.source, "entry") &&
      !get(part.source, "implicit");
  });
}

const statusTexts = { "changed": "on both sides", "only-in-a": "only " + names.a, "only-in-b": "only " + names.b };

function say(text) { document.getElementById("said").textContent = text; }

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without the permission, or in an old browser: by a selection.
    const area = element("textarea", { class: "hidden", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

function copyButton(text, what) {
  const button = element("button", { type: "button", class: "copy", "aria-label": "Copy " + what }, "Copy");
  button.addEventListener("click", async () => {
    const done = await copy(text());
    button.focus();
    button.textContent = done ? "Copied" : "Not copied";
    say(done ? `Copied ${what}` : "The browser did not let the page copy");
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return button;
}

// pages fills a list with rows, some at a time, and ends it with a button for
// more.
function pages(list, rows, render, first, step) {
  let shown = 0;
  const more = element("button", { type: "button", class: "more" });
  const show = (n) => {
    const end = Math.min(rows.length, shown + n);
    const fragment = document.createDocumentFragment();
    for (; shown < end; shown++) fragment.append(render(rows[shown], shown));
    list.append(fragment);
    more.textContent = `Show ${number(Math.min(step, rows.length - shown))} more of ${number(rows.length - shown)}`;
    more.hidden = shown === rows.length;
  };
  more.addEventListener("click", () => {
    const next = shown;
    show(step);
    const row = list.children[next];
    (row.querySelector("button, a") || more).focus();
  });
  show(first);
  return more;
}
