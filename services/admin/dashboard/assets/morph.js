// morph makes an element what another one is, and leaves alone what is the same: so the focus, what is selected, what is
// scrolled and what is open stays. Children are known by data-key or id.
export function morph(old, now) {
	const focused = document.activeElement;
	become(old, now);
	if (focused && focused !== document.activeElement) refocus(focused);
}

function become(old, now) {
	if (old.dataset?.kept !== undefined) return; // somebody is at work there
	attributes(old, now);
	let at = old.firstChild;
	const known = new Map();
	for (const child of old.children) if (key(child)) known.set(key(child), child);
	for (const wanted of [...now.childNodes]) {
		const id = key(wanted);
		let found = id ? known.get(id) : at;
		if (!found || found.nodeType !== wanted.nodeType || found.nodeName !== wanted.nodeName || key(found) !== id) {
			old.insertBefore(document.importNode(wanted, true), at);
			continue;
		}
		known.delete(id);
		if (found !== at) old.insertBefore(found, at);
		else at = at.nextSibling;
		if (found.nodeType === Node.ELEMENT_NODE) become(found, wanted);
		else if (found.data !== wanted.data) found.data = wanted.data;
	}
	while (at) {
		const next = at.nextSibling;
		at.remove();
		at = next;
	}
}

const key = (node) => node.dataset?.key || node.id || "";

// What a page of the server does not know.
const ours = new Set(["open", "aria-busy", "data-kept"]);

function attributes(old, now) {
	for (const { name, value } of now.attributes) {
		if (old.getAttribute(name) === value) continue;
		old.setAttribute(name, value);
		if (old === document.activeElement) continue; // what is typed stays
		if (name === "value") old.value = value;
	}
	for (const { name } of [...old.attributes]) {
		if (now.hasAttribute(name) || ours.has(name)) continue;
		if (name === "disabled" && old.getAttribute("aria-busy") === "true") continue;
		old.removeAttribute(name);
	}
	if (old.nodeName === "OPTION" && old.parentNode !== document.activeElement) old.selected = now.hasAttribute("selected");
}

// refocus goes to what has taken the place of what had the focus.
function refocus(gone) {
	if (gone.isConnected) {
		gone.focus({ preventScroll: true });
		return;
	}
	const path = gone.dataset?.path;
	const row = path && document.querySelector(`[data-key="${CSS.escape(path)}"]`);
	const place = row?.querySelector(".name") ?? document.querySelector("[data-actions] button") ?? document.getElementById("main");
	place.focus({ preventScroll: true });
}
