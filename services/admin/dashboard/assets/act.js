// Buttons that do something: they ask first where it cannot be undone, then the API, and say what came of it.
import { refresh } from "./live.js";

export function startActions() {
	document.addEventListener("click", (event) => {
		const button = event.target.closest("button[data-api]");
		if (button && button.getAttribute("aria-busy") !== "true") act(button);
	});
	document.getElementById("ask").addEventListener("close", answered);
	document.getElementById("keys").addEventListener("click", () => document.getElementById("help").showModal());
}

async function act(button) {
	const { api, path, label, done, confirm } = button.dataset;
	if (confirm && !(await ask(`${label}: ${path}?`, confirm, label))) return;
	button.setAttribute("aria-busy", "true");
	try {
		const answer = await call("POST", api);
		toast(answer?.err ? `${path}: ${done}, but not cleanly: ${answer.err}` : `${path}: ${done}`, Boolean(answer?.err));
	} catch (error) {
		toast(`${path}: ${error.message}`, true);
	} finally {
		button.removeAttribute("aria-busy");
		refresh();
	}
}

// call asks the API. A refusal is an error with its reason.
export async function call(method, url, body) {
	const request = { method, headers: { Accept: "application/json" } };
	if (body !== undefined) {
		request.headers["Content-Type"] = "application/json";
		request.body = JSON.stringify(body);
	}
	let response;
	try {
		response = await fetch(url, request);
	} catch {
		throw new Error("the program does not answer");
	}
	const text = await response.text();
	let answer = null;
	try {
		answer = JSON.parse(text);
	} catch { /* no JSON, then */ }
	if (response.ok) return answer;
	if (response.status === 401) location.reload(); // to log in again
	throw new Error(answer?.detail || answer?.title || `refused with status ${response.status}`);
}

// pending answers the question that is open.
let pending = null;

// ask resolves to whether the answer is yes. A question that another one takes the place of is answered no: the dialog tells
// of its close later, when it may be open for the other one already.
function ask(title, text, yes) {
	pending?.(false);
	const dialog = document.getElementById("ask");
	document.getElementById("ask-title").textContent = title;
	document.getElementById("ask-text").textContent = text;
	document.getElementById("ask-yes").textContent = yes;
	dialog.returnValue = "no";
	dialog.showModal();
	dialog.querySelector('[value="no"]').focus(); // Enter must not be enough
	return new Promise((resolve) => {
		pending = (answer) => {
			pending = null;
			resolve(answer);
		};
	});
}

function answered() {
	const dialog = document.getElementById("ask");
	if (!dialog.open) pending?.(dialog.returnValue === "yes");
}

// toast says something for a while: what went wrong for longer.
export function toast(text, bad) {
	const box = document.createElement("div");
	box.className = bad ? "toast bad" : "toast";
	box.textContent = visible(text);
	const toasts = document.getElementById("toasts");
	while (toasts.children.length > 3) toasts.firstChild.remove();
	toasts.append(box);
	setTimeout(() => box.remove(), bad ? 12000 : 5000);
}

// visible lets control characters be seen, as words.go does.
export function visible(text, lines) {
	return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]/gu, (c) => {
		if (lines && (c === "\n" || c === "\t")) return c;
		const code = c.codePointAt(0);
		const short = { 7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r" }[code];
		if (short) return short;
		if (code < 0x80) return "\\x" + code.toString(16).padStart(2, "0");
		if (code <= 0xffff) return "\\u" + code.toString(16).padStart(4, "0");
		return "\\U" + code.toString(16).padStart(8, "0");
	});
}
