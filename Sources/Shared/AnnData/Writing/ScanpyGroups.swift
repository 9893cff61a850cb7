internal import HDF5

/// The optional `uns/rank_genes_groups` of a result: its statistics as scanpy stores those of
/// `scanpy.tl.rank_genes_groups`, so that `scanpy.get.rank_genes_groups_df` and
/// `scanpy.pl.rank_genes_groups` read them.
///
/// Overview: `names`, `scores`, `logfoldchanges`, `pvals` and `pvals_adj` are arrays of records, one
/// record for each rank and one field for each perturbation; the genes of a perturbation stand in
/// descending order of its signed score. `pts` and `pts_rest` are tables of genes x perturbations.
///
/// Why this way: the arrays are laid out together with the result, so their room is taken early and
/// nothing but their bytes changes later. Filling them (``fill(_:genes:memoryBytes:)``) needs no
/// HDF5, can be repeated after a crash, and leaves everything else as it was.
///
/// Limits: the description of a record must fit into 64 KiB, which bounds the number of
/// perturbations by the length of their labels: 1,092 for labels of up to 7 bytes, 963 up to 15.
/// ``problem(perturbations:)`` says so before anything is computed. The tables of shares are left out
/// where their names cannot be stored (labels with a slash, a label `index`) or scanpy could not
/// match them (genes that share a name).
package struct ScanpyGroups: Sendable, Equatable {
    /// The dictionary in `uns`.
    package static let key = "rank_genes_groups"

    /// Array of records and the layer that it ranks.
    static let statistics = [
        (name: "scores", layer: "z_score"), (name: "logfoldchanges", layer: "logfoldchanges"),
        (name: "pvals", layer: "pvalue"), (name: "pvals_adj", layer: "pvalue_adj"),
    ]
    /// Table of shares and the layer that it holds.
    static let shares = [(name: "pts", layer: "pts"), (name: "pts_rest", layer: "pts_rest")]
    /// Index of the tables of shares.
    static let shareIndex = "index"

    /// Name of the test as the result calls it, for example `t_test`.
    package var method: String
    /// Label of the control.
    package var reference: String
    /// Name of the correction for multiple testing.
    package var correction: String
    /// Layer of the input that was tested; nil for its main matrix.
    package var inputLayer: String?

    /// A description of the given parts.
    package init(method: String, reference: String, correction: String, inputLayer: String? = nil) {
        self.method = method
        self.reference = reference
        self.correction = correction
        self.inputLayer = inputLayer
    }

    /// Why these perturbations cannot be stored in scanpy's form; nil when they can.
    ///
    /// Needs the labels alone, so it can be asked before any count is read.
    ///
    /// - Parameter perturbations: Label of each row of the result.
    /// - Returns: One sentence that says what to use instead.
    package static func problem(perturbations: [String]) -> String? {
        let instead =
            "; leave --scanpy-format out: every statistic is in the layers, where one row is one "
            + "perturbation"
        if perturbations.contains("") {
            return "scanpy's format has no place for a perturbation whose label is empty" + instead
        }
        if Set(perturbations).count < perturbations.count {
            return "scanpy's format has no place for two perturbations of one label" + instead
        }
        // Fields of doubles have the longest description.
        let bytes = HDF5Records.descriptionByteCount(
            fields: perturbations,
            .number(.float64)
        )
        guard bytes > HDF5Records.largestDescription else { return nil }
        return "scanpy's format keeps all perturbations in one record, whose description may take "
            + "\(HDF5Records.largestDescription) bytes in the file and would take \(bytes) for "
            + "these \(perturbations.count)" + instead
    }

    /// Checks that a layout has what the group is made of.
    func check(_ layout: ResultLayout) throws(AnnDataWriteError) {
        if let problem = Self.problem(perturbations: layout.perturbations) {
            throw .invalidLayout(problem: problem)
        }
        for (_, layer) in Self.statistics
        where !layout.layers.contains(where: { $0.name == layer }) {
            throw .invalidLayout(problem: "scanpy's format needs a layer \(layer)")
        }
        if layout.uns.contains(where: { $0.0 == Self.key }) {
            throw .invalidLayout(problem: "uns has its own \(Self.key)")
        }
    }

    /// Whether the tables of shares can be stored and would be understood.
    static func hasShares(_ layout: ResultLayout) -> Bool {
        let names = layout.layers.map(\.name)
        return shares.allSatisfy { names.contains($0.layer) }
            && layout.perturbations.allSatisfy { LinkName.problem($0) == nil && $0 != shareIndex }
            && Set(layout.genes).count == layout.genes.count
    }

    /// How the names of genes are stored: as ASCII of a fixed width where that is possible.
    ///
    /// anndata reads fixed-width text of records as ASCII only, and text of any length as UTF-8.
    static func nameElement(_ genes: [String]) -> HDF5FieldElement {
        guard genes.allSatisfy({ $0.utf8.allSatisfy { $0 > 0 && $0 < 128 } }) else {
            return .variableText
        }
        return .fixedText(bytes: max(1, genes.map(\.utf8.count).max() ?? 1))
    }
}

/// Where the bytes of a ``ScanpyGroups`` lie in a result file.
package struct ScanpyGroupsMap: Codable, Equatable, Sendable {
    /// One array of records: ranks x perturbations.
    struct Statistic: Codable, Equatable, Sendable {
        /// Position of the layer in ``ResultFileMap/layers``; the array has its type.
        let layer: Int
        /// Position of the first byte in the file.
        let offset: Int
    }

    /// One table: a column of genes for each perturbation.
    struct Share: Codable, Equatable, Sendable {
        /// Position of the layer in ``ResultFileMap/layers``; the columns have its type.
        let layer: Int
        /// Position of each column in the file.
        let offsets: [Int]
    }

    /// Bytes of one name in the array of names.
    let nameByteCount: Int
    /// Position of the array of names.
    let namesOffset: Int
    /// Position of the references to the genes' names in gene order; nil for ASCII of fixed width.
    let referencesOffset: Int?
    let statistics: [Statistic]
    let shares: [Share]

    /// The byte ranges that filling writes, in any order.
    func ranges(_ map: ResultFileMap) -> [Range<Int>] {
        let count = map.rowCount * map.geneCount
        var ranges = [namesOffset..<namesOffset + count * nameByteCount]
        for statistic in statistics {
            let bytes = count * map.layers[statistic.layer].element.byteCount
            ranges.append(statistic.offset..<statistic.offset + bytes)
        }
        for share in shares {
            let bytes = map.rowByteCount(layer: share.layer)
            ranges += share.offsets.map { $0..<$0 + bytes }
        }
        return ranges
    }

    /// Whether everything lies inside the file; false for a map that was damaged.
    func isConsistent(_ map: ResultFileMap) -> Bool {
        let layers = statistics.map(\.layer) + shares.map(\.layer)
        let offsets =
            [namesOffset, referencesOffset ?? 1] + statistics.map(\.offset)
            + shares.flatMap(\.offsets)
        guard layers.allSatisfy(map.layers.indices.contains), (1...65_536).contains(nameByteCount),
            offsets.allSatisfy({ $0 > 0 && $0 < map.byteCount }),
            statistics.count == ScanpyGroups.statistics.count,
            shares.allSatisfy({ $0.offsets.count == map.rowCount })
        else { return false }
        let (_, overflow) = (map.rowCount * map.geneCount)
            .multipliedReportingOverflow(by: max(8, nameByteCount))
        return !overflow && ranges(map).allSatisfy { $0.upperBound <= map.byteCount }
    }
}
