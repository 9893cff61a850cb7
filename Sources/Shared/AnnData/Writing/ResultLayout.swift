/// The number type of a layer's elements, little-endian.
package enum ResultElement: String, Sendable, Codable {
    /// IEEE single.
    case float32
    /// IEEE double.
    case float64

    /// Bytes of one element.
    package var byteCount: Int { self == .float32 ? 4 : 8 }
}

/// Everything about a result file except its rows.
package struct ResultLayout: Sendable {
    /// The main matrix of an AnnData file.
    package static let mainLayer = "X"
    /// The index of `obs`: the label of each row.
    package static let indexColumn = "perturbation"
    /// The dictionary in `uns` by which a result of this program is recognised.
    package static let markerKey = "crispyx_cluster"

    /// Name of the input's column of labels.
    package var perturbationColumn: String
    /// Label of each row; any text.
    package var perturbations: [String]
    /// Name of each gene; any text, repeated names are kept.
    package var genes: [String]
    /// Matrices in the order of the file, perturbations x genes; one of them is `X`.
    package var layers: [(name: String, element: ResultElement)]
    /// Further values; must hold the dictionary ``markerKey``.
    package var uns: [(String, UnsValue)]
    /// What can become of a row, at most 127 texts; a row's status is a position in this list.
    package var statusCategories: [String]
    /// Asks for `uns/rank_genes_groups` in scanpy's form; nil leaves it out.
    package var scanpyGroups: ScanpyGroups?

    /// A layout of the given parts.
    package init(
        perturbationColumn: String,
        perturbations: [String],
        genes: [String],
        layers: [(name: String, element: ResultElement)],
        uns: [(String, UnsValue)],
        statusCategories: [String],
        scanpyGroups: ScanpyGroups? = nil
    ) {
        self.perturbationColumn = perturbationColumn
        self.perturbations = perturbations
        self.genes = genes
        self.layers = layers
        self.uns = uns
        self.statusCategories = statusCategories
        self.scanpyGroups = scanpyGroups
    }

    /// Name of the status column: `status`, unless the labels' column is called so.
    package var statusColumn: String { perturbationColumn == "status" ? "run_status" : "status" }

    /// Whether the labels are stored a second time, under the name of the input's column.
    ///
    /// Not when that is the index, and not when the name cannot be a name in the file (it contains
    /// a slash, or is the reserved `_index`); the index holds the labels in any case.
    var repeatsLabels: Bool {
        perturbationColumn != Self.indexColumn && perturbationColumn != "_index"
            && LinkName.problem(perturbationColumn) == nil
    }

    /// The columns of `obs` in order.
    var columns: [String] {
        let isListed = repeatsLabels || perturbationColumn == Self.indexColumn
        return (isListed ? [perturbationColumn] : []) + [statusColumn]
    }

    /// Checks that the layout can be written.
    ///
    /// - Throws: ``AnnDataWriteError/invalidName(element:name:problem:)`` or `.invalidLayout`.
    func check() throws(AnnDataWriteError) {
        guard !perturbations.isEmpty else {
            throw .invalidLayout(problem: "there are no perturbations")
        }
        guard !genes.isEmpty else { throw .invalidLayout(problem: "there are no genes") }
        try LinkName.check(layers.map(\.name), in: "layers")
        guard layers.contains(where: { $0.name == Self.mainLayer }) else {
            throw .invalidLayout(problem: "no layer is called \(Self.mainLayer)")
        }
        guard (1...127).contains(statusCategories.count) else {
            throw .invalidLayout(problem: "there are \(statusCategories.count) status categories")
        }
        guard Set(statusCategories).count == statusCategories.count else {
            throw .invalidLayout(problem: "a status category occurs twice")
        }
        try UnsValue.check(uns, in: "uns")
        guard case .dictionary = UnsValue.dictionary(uns)[Self.markerKey] else {
            throw .invalidLayout(problem: "uns has no dictionary \(Self.markerKey)")
        }
        try scanpyGroups?.check(self)
    }
}
