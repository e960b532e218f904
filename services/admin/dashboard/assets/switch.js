// The switch between the themes: as the system has it, dark, light.
const words = { auto: "Auto", dark: "Dark", light: "Light" };
const next = { auto: "dark", dark: "light", light: "auto" };

export function startTheme() {
	const button = document.getElementById("theme");
	const root = document.documentElement;
	const show = () => {
		const now = root.dataset.theme ?? "auto";
		button.querySelector(".word").textContent = words[now];
		button.setAttribute("aria-label", `Theme: ${words[now]}. Switch to ${words[next[now]]}`);
		button.title = button.getAttribute("aria-label");
	};
	button.addEventListener("click", () => {
		const theme = next[root.dataset.theme ?? "auto"];
		if (theme === "auto") delete root.dataset.theme;
		else root.dataset.theme = theme;
		try {
			localStorage.setItem("tend-theme", theme);
		} catch { /* it lasts as long as the page */ }
		show();
	});
	show();
}
