// Light or dark as the system is, until the button says otherwise.

function beginTheme() {
  const button = document.getElementById("theme"), root = document.documentElement;
  const liked = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : liked.matches);
  const show = () => {
    button.textContent = dark() ? "light" : "dark";
    button.setAttribute("aria-label", `${button.textContent} colours`);
  };
  button.hidden = false;
  button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; show(); });
  liked.addEventListener("change", show);
  show();
}
