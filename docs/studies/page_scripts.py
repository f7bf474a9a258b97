"""What is run in an annotation page to answer all of it: for the study of its speed, and for its test."""

# Ranks every task, and measures some steps.
STEPS = """async () => {
  const frame = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  const press = key => document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const taken = [];
  for (let i = 0; i < data.tasks.length; i++) {
    const start = performance.now();
    for (const key of ["a", "b", "c", "d", "Enter"]) press(key);
    if (i % 25) continue;
    await frame();
    taken.push(performance.now() - start);
  }
  return taken;
}"""
EXPORT = """async () => {
  const start = performance.now();
  const text = await exported();
  return { ms: performance.now() - start, answers: JSON.parse(text).answers.length };
}"""
