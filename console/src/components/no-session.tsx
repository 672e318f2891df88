export function NoSession() {
  return (
    <main class="no-session">
      <h1>No session</h1>
      <p>Open the one-time link that the terminal printed. There is no password.</p>
    </main>
  );
}
