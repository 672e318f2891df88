export const AuditPage = () => <main />;
