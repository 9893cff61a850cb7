import AnnData
import Coordinator
import CountBlocks
import DifferentialExpression
import Foundation
import HDF5

/// Labels of some cells as they are read from a file.
///
/// Each cell has the position of its label among the names, -1 for none.
func cellLabels(_ codes: [Int8], _ names: [String]) throws -> CellLabels {
    let folder = try TestDirectory()
    let path = folder.file("labels.h5ad")
    do {
        let root = try HDF5File(creating: path).root
        for (name, count) in [("obs", codes.count), ("var", 2)] {
            let table = try root.createGroup(name)
            try table.setAttribute("_index", "_index")
            try table.setAttribute("column-order", name == "obs" ? ["gene"] : [String]())
            try table.writeTexts("_index", (0..<count).map { "n\($0)" })
        }
        let column = try root.group("obs").createGroup("gene")
        try column.setAttribute("encoding-type", "categorical")
        try column.setAttribute("encoding-version", "0.2.0")
        try column.setAttribute("ordered", false)
        try column.writeTexts("categories", names)
        try column.writeNumbers("codes", codes)
        try root.writeNumbers(
            "X",
            [Float](repeating: 1, count: codes.count * 2),
            shape: [codes.count, 2]
        )
    }
    return try ScreenFile.open(path).labels(column: "gene")
}

/// A screen of a few cells, and everything a fingerprint is made of.
struct SmallScreen {
    var codes: [Int8] = [0, 1, 2, 0, -1, 1, 0, 2, 0, 1, 0, 0]
    var names = ["control", "GATA1", "MYC"]
    var control: String? = "control"
    var tested: [String]?
    var genes = ["g0", "g1", "g2", "g3", "g4"]
    /// Counts of each cell; shape `[cells][genes]`.
    var counts: [[UInt32]]
    var options = AnalysisOptions(perturbationColumn: "gene", controlLabel: "control")
    /// What decides the numbers beside counts, labels and options.
    var extras: [(name: String, bytes: [UInt8])] = []
    /// Cells read together.
    var slabCells = 5
    /// Memory for blocks; what is above it lies in a scratch file.
    var memoryBytes = 1 << 20

    init() {
        counts = codes.indices.map { cell in (0..<5).map { UInt32((cell * 7 + $0 * 3) % 4) } }
    }

    /// The blocks of all labels.
    func blocks() throws -> BlockStore {
        let groups = try cellLabels(codes, names).codes
        let builder = BlockBuilder(
            groupCount: names.count,
            geneCount: genes.count,
            memoryBytes: memoryBytes,
            scratchDirectory: NSTemporaryDirectory()
        )
        let encoder = CellEncoder(geneCount: genes.count)
        for first in stride(from: 0, to: codes.count, by: slabCells) {
            let cells = first..<min(first + slabCells, codes.count)
            var starts = [0]
            var columns: [UInt32] = []
            var values: [UInt32] = []
            for cell in cells {
                for (gene, count) in counts[cell].enumerated() where count > 0 {
                    columns.append(UInt32(gene))
                    values.append(count)
                }
                starts.append(columns.count)
            }
            let slab = starts.withUnsafeBufferPointer { starts in
                columns.withUnsafeBufferPointer { columns in
                    values.withUnsafeBufferPointer { values in
                        encoder.encode(
                            firstRow: UInt32(first),
                            starts: starts,
                            genes: columns,
                            counts: values
                        )
                    }
                }
            }
            try Array(groups[cells]).withUnsafeBufferPointer {
                try builder.append(slab, groups: $0)
            }
        }
        return try builder.finish()
    }

    func fingerprint() throws -> Fingerprint {
        try Fingerprint(
            options: options,
            schema: .nbGLM,
            plan: ScreenPlan(
                labels: cellLabels(codes, names),
                column: "gene",
                control: control,
                perturbations: tested
            ),
            genes: genes,
            blocks: blocks(),
            extras: extras
        )
    }
}
