// A panel that is wider than a narrow screen scrolls sideways: its arrows must work for those who have no mouse.

const watch = new ResizeObserver((seen) => {
  for (const { target } of seen) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});

function observe(root) {
  if (root.matches?.(".panel")) watch.observe(root);
  for (const panel of root.querySelectorAll?.(".panel") ?? []) watch.observe(panel);
}

export function start() {
  observe(document);
  document.addEventListener("htmx:afterSettle", ({ detail }) => observe(detail.elt));
}
