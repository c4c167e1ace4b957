// Posts the form as JSON, as every client does, with the token from the page's own address, to that address without it.
const form = document.querySelector("form");
const button = form.querySelector("button");
const status = document.querySelector("[role=status]");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const [, route, token] = location.pathname.match(/^(.*)\/([^/]*)$/);
  const fields = { token: decodeURIComponent(token), ...Object.fromEntries(new FormData(form)) };
  button.disabled = true;
  status.textContent = "One moment …";
  try {
    const response = await fetch(route, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(fields),
    });
    const body = await response.json();
    const refused = body.error?.fields?.find(({ field }) => field === "password");
    status.textContent = refused ? `This password ${refused.message}` : body.message;
    if (response.ok) form.parentElement.hidden = true;
  } catch {
    status.textContent = "We could not be reached. Please try again.";
  }
  button.disabled = false;
});
