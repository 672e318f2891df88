export const DevicesPage = () => <main />;
