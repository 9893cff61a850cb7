import AnnData
import Foundation
import HDF5
import Testing

struct ValueEntry<Value: StreamedValue>: Equatable {
    let gene: UInt32
    let value: Value
}

/// Everything that a pass over values delivers.
struct ValuePass<Value: StreamedValue> {
    var rows: [[ValueEntry<Value>]] = []
    var report = StreamReport()
    var pieces = 0
}

/// Reads a matrix of expression values.
func readValues<Value: StreamedValue>(
    _ screen: ScreenFile,
    _ choice: MatrixChoice,
    of type: Value.Type,
    threads: Int = 2,
    memoryBytes: Int = 64 << 20,
    scratch: String = NSTemporaryDirectory(),
    into pass: inout ValuePass<Value>
) throws {
    let resources = StreamResources(
        threads: threads,
        memoryBytes: memoryBytes,
        scratchDirectory: scratch
    )
    var rows: [[ValueEntry<Value>]] = []
    var pieces = 0
    // What was consumed before a failure is kept too.
    defer { (pass.rows, pass.pieces) = (rows, pieces) }
    pass.report = try screen.streamValues(choice, of: type, resources: resources) { piece in
        var rows: [[ValueEntry<Value>]] = []
        for cell in 0..<piece.cellCount {
            let range = piece.rowStarts[cell]..<piece.rowStarts[cell + 1]
            rows.append(
                range.map { ValueEntry(gene: piece.genes[$0], value: piece.values[$0]) }
            )
        }
        return (piece.firstCell, rows)
    } consume: { first, delivered in
        #expect(first == rows.count, "pieces come in file order")
        rows += delivered
        pieces += 1
    }
}

/// Reads a matrix of expression values.
func readValues<Value: StreamedValue>(
    _ screen: ScreenFile,
    _ choice: MatrixChoice,
    of type: Value.Type
) throws -> ValuePass<Value> {
    var pass = ValuePass<Value>()
    try readValues(screen, choice, of: type, into: &pass)
    return pass
}

/// A screen of expression values to be written in several storages.
struct ValueScreen<Value: StreamedValue & HDF5Scalar> {
    /// Entries as they are to be stored: in any order, with duplicates and zeros.
    var rows: [[ValueEntry<Value>]]
    let geneCount: Int

    /// What a pass must deliver: duplicates summed in stored order, no zeros.
    var delivered: [[ValueEntry<Value>]] {
        rows.map { row in
            var sums = [Value?](repeating: nil, count: geneCount)
            for entry in row where entry.value != 0 {
                let gene = Int(entry.gene)
                sums[gene] = sums[gene].map { $0 + entry.value } ?? entry.value
            }
            return sums.indices.compactMap { gene in
                guard let value = sums[gene], value != 0 else { return nil }
                return ValueEntry(gene: UInt32(gene), value: value)
            }
        }
    }

    /// Writes `X` by cell, and the layers `by_gene`, `dense` and `dense_chunks`.
    ///
    /// Dense ones hold what is delivered, with negative zeros for the rest.
    func write(_ path: String) throws {
        let root = try HDF5File(creating: path).root
        for (name, count) in [("obs", rows.count), ("var", geneCount)] {
            let table = try root.createGroup(name)
            try table.setAttribute("_index", "_index")
            try table.setAttribute("column-order", [String]())
            try table.writeTexts("_index", (0..<count).map { "n\($0)" })
        }
        try writeSparse(rows, root, "X", "csr_matrix")
        let layers = try root.createGroup("layers")
        var columns = [[ValueEntry<Value>]](repeating: [], count: geneCount)
        for (cell, row) in rows.enumerated() {
            for entry in row {
                columns[Int(entry.gene)]
                    .append(ValueEntry(gene: UInt32(cell), value: entry.value))
            }
        }
        try writeSparse(columns, layers, "by_gene", "csc_matrix")
        var dense = [Value](repeating: -0.0, count: rows.count * geneCount)
        for (cell, row) in delivered.enumerated() {
            for entry in row { dense[cell * geneCount + Int(entry.gene)] = entry.value }
        }
        let shape = [rows.count, geneCount]
        try layers.writeNumbers("dense", dense, shape: shape)
        let chunked = try layers.createChunked(
            "dense_chunks",
            Value.hdf5Number,
            shape: shape,
            chunk: [13, 50],
            compression: .shuffledDeflate(level: 1)
        )
        try chunked.write(dense, start: [0, 0], count: shape)
    }

    private func writeSparse(
        _ lines: [[ValueEntry<Value>]],
        _ parent: HDF5Group,
        _ name: String,
        _ encoding: String
    ) throws {
        let group = try parent.createGroup(name)
        try group.setAttribute("encoding-type", encoding)
        try group.setAttribute("shape", [rows.count, geneCount])
        let entries = lines.flatMap { $0 }
        let data = try group.createChunked(
            "data",
            Value.hdf5Number,
            shape: [entries.count],
            chunk: [777],
            compression: .shuffledDeflate(level: 1)
        )
        try data.write(entries.map(\.value), start: [0], count: [entries.count])
        try group.writeNumbers("indices", entries.map { Int32($0.gene) })
        var starts = [0]
        for line in lines { starts.append(starts[starts.count - 1] + line.count) }
        try group.writeNumbers("indptr", starts)
    }
}
