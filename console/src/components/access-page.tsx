export const AccessPage = () => <main />;
