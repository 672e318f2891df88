//! A section of the report: a part of a paper, measured again.

use super::chart::Chart;
use super::figure::Figure;

/// How a table is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// A row for each figure, with its verdict and the reason.
    List,
    /// Rows against columns; the reasons stand below.
    Matrix,
}

/// Figures that stand together.
pub(crate) struct Table {
    /// Name of its CSV file.
    pub(crate) id: &'static str,
    /// What it shows.
    pub(crate) caption: String,
    /// How it is set.
    pub(crate) layout: Layout,
    /// The figures.
    pub(crate) figures: Vec<Figure>,
}

/// A section.
pub(crate) struct Section {
    /// Its name for `--only`.
    pub(crate) id: &'static str,
    /// Its heading.
    pub(crate) title: &'static str,
    /// Where it is in which paper.
    pub(crate) source: &'static str,
    /// What was done, before the tables. Paragraphs.
    pub(crate) about: Vec<String>,
    /// Tables.
    pub(crate) tables: Vec<Table>,
    /// Charts, after the tables.
    pub(crate) charts: Vec<Chart>,
}

impl Section {
    /// An empty one.
    pub(crate) const fn new(id: &'static str, title: &'static str, source: &'static str) -> Self {
        Self { id, title, source, about: Vec::new(), tables: Vec::new(), charts: Vec::new() }
    }

    /// Adds a paragraph.
    #[must_use]
    pub(crate) fn about(mut self, paragraph: impl Into<String>) -> Self {
        self.about.push(paragraph.into());
        self
    }

    /// Adds a table; the figures learn where they are.
    #[must_use]
    pub(crate) fn table(
        mut self,
        id: &'static str,
        layout: Layout,
        caption: impl Into<String>,
        mut figures: Vec<Figure>,
    ) -> Self {
        for figure in &mut figures {
            (figure.section, figure.table) = (self.id.to_owned(), id.to_owned());
        }
        self.tables.push(Table { id, caption: caption.into(), layout, figures });
        self
    }

    /// Adds a chart.
    #[must_use]
    pub(crate) fn chart(mut self, chart: Chart) -> Self {
        self.charts.push(chart);
        self
    }

    /// All figures, in their order.
    pub(crate) fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.tables.iter().flat_map(|table| &table.figures)
    }
}
