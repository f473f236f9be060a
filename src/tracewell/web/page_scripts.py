"""What a rendered page is asked in its own world: JavaScript, run by the browser. It may lie."""

from __future__ import annotations

READ_GLOBALS = """([names, chars]) => {
  const found = {};
  for (const name of names) {
    let at = window;
    try {
      for (const part of name.split(".")) {
        at = at === null || at === undefined ? undefined : at[part];
      }
      // An element's id makes a global too, and says nothing.
      if (at === undefined || at === null || at instanceof Node || at instanceof HTMLCollection)
        continue;
      const isPlain = ["string", "number", "boolean"].includes(typeof at);
      found[name] = isPlain ? String(at).slice(0, chars) : "";
    } catch { continue; }
  }
  return found;
}"""
# What a page's scripts have hung on its elements (`_reactRootContainer`): own properties only, as
# in the public format, since every element has the ones of its kind.
READ_PROPERTIES = """([wanted, elements, chars]) => {
  const found = {};
  for (const [selector, names] of wanted) {
    let nodes = [];
    try { nodes = Array.from(document.querySelectorAll(selector)).slice(0, elements); }
    catch { continue; }
    for (const name of names) {
      for (const node of nodes) {
        try {
          if (!Object.prototype.hasOwnProperty.call(node, name)) continue;
          const value = node[name];
          if (value === undefined) continue;
          const isPlain = ["string", "number", "boolean"].includes(typeof value);
          (found[selector] ??= {})[name] = isPlain ? String(value).slice(0, chars) : "";
          break;
        } catch { continue; }
      }
    }
  }
  return found;
}"""
READ_DOM = """chars => {
  const type = document.doctype ? `<!DOCTYPE ${document.doctype.name}>` : "";
  return (type + document.documentElement.outerHTML).slice(0, chars);
}"""
