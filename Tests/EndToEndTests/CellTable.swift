import Foundation
import HDF5

/// A screen whose cells a test can say everything about: labels, a covariate, any values.
struct CellTable {
    /// How the values are stored.
    enum Number: String, Sendable {
        case float32
        case float64
    }

    var genes: [String]
    /// Label of each cell; nil for none.
    var labels: [String?]
    /// A categorical column of obs.
    var batches: [String]
    /// Values by cell and gene; zeros are not stored unless ``storesZeros``.
    var values: [[Double]]
    /// Whether some zeros are stored, as some programs leave them.
    var storesZeros = false

    /// Distinct labels without the control, in order of first appearance.
    var perturbations: [String] {
        var seen: Set<String> = ["control"]
        return labels.compactMap { $0 }.filter { seen.insert($0).inserted }
    }

    /// Draws counts from a seed; the control is `controlShare` times as large as a perturbation.
    init(
        perturbations: Int = 6,
        genes: Int = 40,
        cellsPerPerturbation: Int = 20,
        controlShare: Int = 3,
        density: Double = 0.6,
        seed: UInt64 = 5
    ) {
        var random = Random(state: seed)
        self.genes = (0..<genes).map { "gene\($0)" }
        labels = []
        batches = []
        values = []
        for cell in 0..<(perturbations + controlShare) * cellsPerPerturbation {
            let group = (cell * 7 + cell / 11) % (perturbations + controlShare)
            labels.append(group < controlShare ? "control" : "P\(group - controlShare)")
            batches.append(random.uniform() < 0.4 ? "first" : "second")
            values.append(
                (0..<genes).map { gene in
                    let isHit = group >= controlShare && (gene + group) % 9 == 0
                    guard random.uniform() < (isHit ? density / 3 : density) else { return 0 }
                    let size = random.uniform()
                    return 1 + (size * size * 8).rounded(.down)
                }
            )
        }
    }

    /// The values as log1p of counts scaled to a common depth, exact in single precision.
    var logNormalised: CellTable {
        var table = self
        table.values = values.map { cell in
            let depth = max(cell.reduce(0, +), 1)
            return cell.map { Double(Float(log1p($0 * 100 / depth))) }
        }
        return table
    }

    /// Writes the file.
    func write(_ path: String, as number: Number = .float32) throws {
        let root = try HDF5File(creating: path).root
        let obs = try table(
            root,
            "obs",
            index: labels.indices.map { "cell\($0)" },
            ["batch", "gene"]
        )
        try categorical(obs, "gene", labels)
        try categorical(obs, "batch", batches)
        _ = try table(root, "var", index: genes, [])
        let group = try root.createGroup("X")
        try group.setAttribute("encoding-type", "csr_matrix")
        try group.setAttribute("encoding-version", "0.1.0")
        try group.setAttribute("shape", [values.count, genes.count])
        var (stored, columns, starts) = ([Double](), [Int32](), [0])
        for (cell, row) in values.enumerated() {
            for (gene, value) in row.enumerated()
            where value != 0 || storesZeros && (cell + gene) % 3 == 0 {
                stored.append(value)
                columns.append(Int32(gene))
            }
            starts.append(stored.count)
        }
        switch number {
        case .float32: try group.writeNumbers("data", stored.map { Float($0) })
        case .float64: try group.writeNumbers("data", stored)
        }
        try group.writeNumbers("indices", columns)
        try group.writeNumbers("indptr", starts)
    }

    private func table(
        _ root: HDF5Group,
        _ name: String,
        index: [String],
        _ columns: [String]
    ) throws -> HDF5Group {
        let table = try root.createGroup(name)
        try table.setAttribute("_index", "_index")
        try table.setAttribute("encoding-type", "dataframe")
        try table.setAttribute("encoding-version", "0.2.0")
        try table.setAttribute("column-order", columns)
        try table.writeTexts("_index", index)
        return table
    }

    private func categorical(_ table: HDF5Group, _ name: String, _ labels: [String?]) throws {
        let categories = Set(labels.compactMap { $0 }).sorted()
        let column = try table.createGroup(name)
        try column.setAttribute("encoding-type", "categorical")
        try column.setAttribute("encoding-version", "0.2.0")
        try column.setAttribute("ordered", false)
        try column.writeTexts("categories", categories)
        try column.writeNumbers(
            "codes",
            labels.map { label in Int8(label.flatMap { categories.firstIndex(of: $0) } ?? -1) }
        )
    }
}
