export const ReviewsPage = () => <main />;
