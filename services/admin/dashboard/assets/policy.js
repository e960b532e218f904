// Editing a policy: only what was changed is sent, so two people do not undo each other's changes.
import { call, toast, visible } from "./act.js";
import { refresh } from "./live.js";

export function startPolicy() {
	document.addEventListener("input", (event) => {
		const form = event.target.closest("form[data-policy]");
		if (form) mark(form);
	});
	document.addEventListener("reset", (event) => {
		const form = event.target.closest("form[data-policy]");
		if (form) setTimeout(() => clean(form)); // once it has been reset
	});
	document.addEventListener("submit", (event) => {
		const form = event.target.closest("form[data-policy]");
		if (!form) return;
		event.preventDefault();
		save(form);
	});
	window.addEventListener("beforeunload", (event) => {
		if (document.querySelector("form[data-policy][data-kept]")) event.preventDefault();
	});
}

const fields = (form) => [...form.querySelectorAll("[data-was]")];
const changed = (form) => fields(form).filter((field) => field.value.trim() !== field.dataset.was);

function mark(form) {
	const list = changed(form);
	for (const field of fields(form)) field.closest(".setting").classList.toggle("changed", list.includes(field));
	for (const button of form.querySelectorAll("button")) button.disabled = list.length === 0;
	if (list.length > 0) form.dataset.kept = ""; // a page that comes meanwhile leaves it alone
	else delete form.dataset.kept;
	fault(form, "");
}

function clean(form) {
	for (const field of fields(form)) field.value = field.dataset.was;
	mark(form);
	refresh();
}

function fault(form, text) {
	const at = form.querySelector(".error");
	at.textContent = visible(text);
	at.hidden = text === "";
}

async function save(form) {
	const list = changed(form);
	if (list.length === 0) return;
	const text = list.map((field) => `${field.name}=${field.value.trim()}`).join(",");
	const button = form.querySelector("[type=submit]");
	button.disabled = true;
	try {
		await call("PATCH", form.dataset.policy, text);
		for (const field of list) field.dataset.was = field.value.trim();
		mark(form);
		toast(`${form.dataset.path}: policy changed: ${text}`);
		refresh();
	} catch (error) {
		fault(form, error.message);
		button.disabled = false;
	}
}
