// The filter: it stands in the address, and the server filters.
import { refresh } from "./live.js";

const pause = 150; // after a key, in milliseconds

export function startFilter() {
	let timer = 0;
	const filter = (form, wait) => {
		clearTimeout(timer);
		timer = setTimeout(() => {
			const url = new URL(location.href);
			for (const [name, value] of new FormData(form)) {
				if (value.trim()) url.searchParams.set(name, value.trim());
				else url.searchParams.delete(name);
			}
			history.replaceState(null, "", url);
			refresh();
		}, wait);
	};
	const formOf = (event) => event.target.closest?.("form[data-filter]");
	document.addEventListener("input", (event) => formOf(event) && filter(formOf(event), event.target.type === "search" ? pause : 0));
	document.addEventListener("submit", (event) => {
		if (!formOf(event)) return;
		event.preventDefault();
		filter(formOf(event), 0);
	});
}
