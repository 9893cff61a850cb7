import Foundation
import HDF5

/// A small screen whose counts and labels the tests write in every storage they like.
struct Screen {
    /// How the counts are stored.
    enum Storage: String, CaseIterable {
        case csrFloat32 = "CSR of float32"
        case csrFloat64WideIndices = "CSR of float64 with 64-bit indices"
        case csrInt32 = "CSR of int32"
        case csrUnsigned16 = "CSR of uint16 with unsigned indices"
        case csrGzip = "CSR, gzip"
        case csrShuffledGzip = "CSR, shuffle and gzip"
        case untidy = "CSR with shuffled indices, duplicates and zeros"
        case csc = "CSC"
        case dense = "dense"
        case denseChunks = "dense, chunked and compressed"
        case legacy = "CSR with the attributes and labels of old releases"
        case layer = "CSR in a layer"
    }

    private struct Entry {
        var gene: Int
        var count: UInt32
    }

    let geneCount: Int
    let labels: [String]
    private let rows: [[Entry]]

    var cellCount: Int { rows.count }

    /// Distinct labels without the control, in order of first appearance.
    var perturbations: [String] {
        var seen: Set<String> = ["control"]
        return labels.filter { seen.insert($0).inserted }
    }

    /// Makes counts from a seed.
    ///
    /// Counts are above 0 and up to about `largest`; small ones are more frequent.
    init(
        perturbations: Int = 12,
        genes: Int = 120,
        cellsPerPerturbation: Int = 30,
        largest: UInt32 = 9,
        density: Double = 0.6,
        seed: UInt64 = 1
    ) {
        geneCount = genes
        var random = Random(state: seed)
        var labels: [String] = []
        var rows: [[Entry]] = []
        for cell in 0..<(perturbations + 4) * cellsPerPerturbation {
            // Cells of all groups are mixed, and the control is four times as large.
            let group = (cell * 7 + cell / 11) % (perturbations + 4)
            labels.append(group < 4 ? "control" : "GENE\(group - 4)")
            var row: [Entry] = []
            for gene in 0..<genes {
                let isTarget = group >= 4 && gene % max(perturbations, 1) == group - 4
                guard random.uniform() < (isTarget ? density / 2 : density) else { continue }
                let size = random.uniform()
                row.append(Entry(gene: gene, count: 1 + UInt32(size * size * Double(largest))))
            }
            rows.append(row)
        }
        self.labels = labels
        self.rows = rows
    }

    /// Writes the screen.
    ///
    /// `firstValue` replaces the first stored value, to make a matrix that holds no counts; only
    /// for 32-bit floats.
    func write(_ path: String, as storage: Storage = .csrFloat32, firstValue: Float? = nil) throws {
        let file = try HDF5File(creating: path)
        let root = try file.root
        try writeTables(root, isLegacy: storage == .legacy)
        switch storage {
        case .csrFloat32:
            try writeByCell(rows, root, firstValue: firstValue) { Float($0) }
        case .csrFloat64WideIndices:
            try writeByCell(rows, root, index: { Int64($0) }, value: { Double($0) })
        case .csrInt32:
            try writeByCell(rows, root) { Int32($0) }
        case .csrUnsigned16:
            try writeByCell(rows, root, index: { UInt16($0) }, value: { UInt16($0) })
        case .csrGzip:
            try writeByCell(rows, root, compression: .deflate(level: 2)) { Float($0) }
        case .csrShuffledGzip:
            try writeByCell(rows, root, compression: .shuffledDeflate(level: 4)) { Int64($0) }
        case .untidy:
            try writeByCell(untidyRows, root) { Float($0) }
        case .csc:
            try writeByGene(root)
        case .dense:
            try root.writeNumbers("X", dense.map { Float($0) }, shape: [cellCount, geneCount])
        case .denseChunks:
            let matrix = try root.createChunked(
                "X",
                .uint32,
                shape: [cellCount, geneCount],
                chunk: [37, 50],
                compression: .shuffledDeflate(level: 1)
            )
            try matrix.write(dense, start: [0, 0], count: [cellCount, geneCount])
        case .legacy:
            try writeByCell(rows, root, isLegacy: true) { Float($0) }
        case .layer:
            try writeByCell([[Entry]](repeating: [], count: cellCount), root) { Float($0) }
            try writeByCell(rows, root.createGroup("layers"), name: "counts") { Float($0) }
        }
    }

    /// Writes all counts as one dense array of 32-bit integers.
    private var dense: [UInt32] {
        var counts = [UInt32](repeating: 0, count: cellCount * geneCount)
        for (cell, row) in rows.enumerated() {
            for entry in row { counts[cell * geneCount + entry.gene] = entry.count }
        }
        return counts
    }

    /// The same counts with some entries split in two, zeros for absent genes, and turned around.
    private var untidyRows: [[Entry]] {
        rows.enumerated().map { cell, row in
            var entries: [Entry] = []
            for entry in row {
                if entry.count > 1, entry.gene % 3 == cell % 3 {
                    entries.append(Entry(gene: entry.gene, count: 1))
                    entries.append(Entry(gene: entry.gene, count: entry.count - 1))
                } else {
                    entries.append(entry)
                }
            }
            let present = Set(row.map(\.gene))
            for gene in stride(from: cell % 5, to: geneCount, by: 5) where !present.contains(gene) {
                entries.append(Entry(gene: gene, count: 0))
            }
            let place = entries.isEmpty ? 0 : cell * 31 % entries.count
            return Array(entries[place...] + entries[..<place])
        }
    }

    private func writeTables(_ root: HDF5Group, isLegacy: Bool) throws {
        let obs = try root.createGroup("obs")
        let names = (0..<cellCount).map { "cell\($0)" }
        try obs.setAttribute("_index", isLegacy ? "index" : "_index")
        try obs.setAttribute("encoding-type", "dataframe")
        try obs.setAttribute("encoding-version", isLegacy ? "0.1.0" : "0.2.0")
        try obs.setAttribute("column-order", ["perturbation"])
        try obs.writeTexts(isLegacy ? "index" : "_index", names)
        if isLegacy {
            try obs.writeTexts("perturbation", labels)
        } else {
            // Categories are sorted, as pandas leaves them, not in order of appearance.
            let categories = Set(labels).sorted()
            let column = try obs.createGroup("perturbation")
            try column.setAttribute("encoding-type", "categorical")
            try column.setAttribute("encoding-version", "0.2.0")
            try column.setAttribute("ordered", false)
            try column.writeTexts("categories", categories)
            let positions = Dictionary(
                uniqueKeysWithValues: categories.enumerated().map { ($0.element, $0.offset) }
            )
            let codes = labels.map { positions[$0] ?? -1 }
            // As pandas does, in the smallest integers that hold them.
            if categories.count <= 127 {
                try column.writeNumbers("codes", codes.map { Int8($0) })
            } else {
                try column.writeNumbers("codes", codes.map { Int16($0) })
            }
        }
        let table = try root.createGroup("var")
        try table.setAttribute("_index", "_index")
        try table.setAttribute("encoding-type", "dataframe")
        try table.setAttribute("encoding-version", "0.2.0")
        try table.setAttribute("column-order", [String]())
        try table.writeTexts("_index", (0..<geneCount).map { "gene\($0)" })
    }

    private func writeByCell<Value: HDF5Scalar>(
        _ rows: [[Entry]],
        _ parent: HDF5Group,
        name: String = "X",
        compression: HDF5Compression? = nil,
        isLegacy: Bool = false,
        firstValue: Value? = nil,
        value: (UInt32) -> Value
    ) throws {
        try writeByCell(
            rows,
            parent,
            name: name,
            compression: compression,
            isLegacy: isLegacy,
            firstValue: firstValue,
            index: { Int32($0) },
            value: value
        )
    }

    private func writeByCell<Value: HDF5Scalar, Index: HDF5Scalar>(
        _ rows: [[Entry]],
        _ parent: HDF5Group,
        name: String = "X",
        compression: HDF5Compression? = nil,
        isLegacy: Bool = false,
        firstValue: Value? = nil,
        index: (Int) -> Index,
        value: (UInt32) -> Value
    ) throws {
        let group = try parent.createGroup(name)
        if isLegacy {
            try group.setAttribute("h5sparse_format", "csr")
            try group.setAttribute("h5sparse_shape", [cellCount, geneCount])
        } else {
            try group.setAttribute("encoding-type", "csr_matrix")
            try group.setAttribute("encoding-version", "0.1.0")
            try group.setAttribute("shape", [cellCount, geneCount])
        }
        let entries = rows.flatMap { $0 }
        var values = entries.map { value($0.count) }
        if let firstValue { values[0] = firstValue }
        try write(values, group, "data", compression)
        try write(entries.map { index($0.gene) }, group, "indices", compression)
        try group.writeNumbers("indptr", starts(rows))
    }

    private func writeByGene(_ root: HDF5Group) throws {
        var columns = [[Entry]](repeating: [], count: geneCount)
        for (cell, row) in rows.enumerated() {
            for entry in row { columns[entry.gene].append(Entry(gene: cell, count: entry.count)) }
        }
        let group = try root.createGroup("X")
        try group.setAttribute("encoding-type", "csc_matrix")
        try group.setAttribute("encoding-version", "0.1.0")
        try group.setAttribute("shape", [cellCount, geneCount])
        let entries = columns.flatMap { $0 }
        try write(entries.map { Float($0.count) }, group, "data", nil)
        try write(entries.map { Int32($0.gene) }, group, "indices", nil)
        try group.writeNumbers("indptr", starts(columns).map { Int32($0) })
    }

    private func starts(_ lists: [[Entry]]) -> [Int] {
        lists.reduce(into: [0]) { starts, list in starts.append((starts.last ?? 0) + list.count) }
    }

    private func write<Value: HDF5Scalar>(
        _ values: [Value],
        _ group: HDF5Group,
        _ name: String,
        _ compression: HDF5Compression?
    ) throws {
        guard let compression else {
            try group.writeNumbers(name, values)
            return
        }
        let dataset = try group.createChunked(
            name,
            Value.hdf5Number,
            shape: [values.count],
            chunk: [1000],
            compression: compression
        )
        try dataset.write(values, start: [0], count: [values.count])
    }
}

/// A small seeded generator, so that every run tests the same screens.
struct Random {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }
}
