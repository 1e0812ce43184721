// Shows the list of exports anew while one of them is at work, unless someone is about to press something in it.
{
  const EACH = 3000; // ms
  const list = () => document.getElementById("exports");
  const working = () => list().querySelector("progress");
  const inUse = () => list().contains(document.activeElement) || list().querySelector("details[open]");

  const renew = async () => {
    try {
      if (!document.hidden && !inUse()) {
        const answer = await fetch(location.href, { redirect: "manual" });
        const page = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page && page.getElementById("exports");
        if (fresh && !inUse()) list().replaceWith(document.adoptNode(fresh));
      }
    } catch {} // no connection: the next look will do
    if (working()) setTimeout(renew, EACH);
  };
  if (working()) setTimeout(renew, EACH);
}
