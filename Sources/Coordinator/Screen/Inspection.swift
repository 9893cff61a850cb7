import AnnData
import DifferentialExpression
import Foundation
import NodeTopology

/// What a screen file holds and what a run on it would take, from metadata alone.
struct Inspection: Codable {
    /// A matrix of the file.
    struct Matrix: Codable {
        var name: String
        var encoding: String
        var cells: Int
        var genes: Int
        var values: String
        var stored: Int
        var filters: [String]
        var problem: String?
    }

    /// A column of `obs`.
    struct Column: Codable {
        var name: String
        var kind: String
        var levels: Int?
    }

    /// A group of cells.
    struct Group: Codable {
        var label: String
        var cells: Int
    }

    /// What a run would take, for the whole screen.
    struct Estimate: Codable {
        var controlLabel: String?
        var perturbations: Int
        var resultBytes: Int
        /// Count blocks at the densest usual coding.
        var blockBytes: Int
    }

    var path: String
    var cells: Int
    var genes: Int
    var matrices: [Matrix]
    var columns: [Column]
    var groups: [Group]?
    var unlabelledCells: Int?
    var controlProblem: String?
    var estimate: Estimate?

    /// Gathers what is known.
    init(path: String, contents: ScreenContents, labels: CellLabels?, column: String?) {
        self.path = path
        cells = contents.cellCount
        genes = contents.geneCount
        matrices = contents.matrices.map {
            Matrix(
                name: "\($0.choice)",
                encoding: $0.encoding?.rawValue ?? "unknown",
                cells: $0.cellCount,
                genes: $0.geneCount,
                values: $0.valueType,
                stored: $0.storedCount,
                filters: $0.filters,
                problem: $0.problem.map { "\($0)" }
            )
        }
        columns = contents.cellColumns.map {
            Column(name: $0.name, kind: "\($0.kind)", levels: $0.levelCount)
        }
        guard let labels, let column else { return }
        var counts = [Int](repeating: 0, count: labels.names.count)
        for code in labels.codes where code >= 0 { counts[Int(code)] += 1 }
        groups = zip(labels.names, counts).map { Group(label: $0, cells: $1) }
            .sorted { $0.cells > $1.cells }
        unlabelledCells = labels.missingCount
        let plan: ScreenPlan?
        do throws(RunFailure) {
            plan = try ScreenPlan(
                labels: labels,
                column: column,
                control: nil,
                perturbations: nil
            )
        } catch {
            plan = nil
            controlProblem = error.description
        }
        let rows = plan?.testedGroups.count ?? labels.names.count - 1
        let rowBytes = RowSchema.nbGLM.layers.reduce(0) { $0 + $1.type.byteCount } * genes
        let stored = matrices.first { $0.name == "X" }?.stored ?? 0
        estimate = Estimate(
            controlLabel: plan?.controlLabel,
            perturbations: rows,
            resultBytes: rows * rowBytes,
            // Measured: 0.9 to 1.6 bytes for each nonzero; a dense matrix stores zeros as well.
            blockBytes: matrices.first { $0.name == "X" }?.encoding == "array"
                ? stored / 4 : stored * 8 / 5
        )
    }

    /// The inspection as JSON with sorted keys.
    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// The inspection for a person.
    var text: String {
        var lines = ["\(path): \(cells) cells x \(genes) genes", "", "Matrices"]
        for matrix in matrices {
            var line = "  \(matrix.name): \(matrix.encoding), \(matrix.cells) x \(matrix.genes), "
            line += "\(matrix.stored) values of \(matrix.values)"
            if !matrix.filters.isEmpty { line += ", " + matrix.filters.joined(separator: "+") }
            if let problem = matrix.problem { line += " - cannot be read: \(problem)" }
            lines.append(line)
        }
        lines += ["", "Columns of obs"]
        for column in columns {
            lines.append(
                "  \(column.name): \(column.kind)"
                    + (column.levels.map { ", \($0) levels" } ?? "")
            )
        }
        if let groups { lines += groupLines(groups) }
        if let estimate { lines += estimateLines(estimate) }
        return lines.joined(separator: "\n")
    }

    private func groupLines(_ groups: [Group]) -> [String] {
        var lines = ["", "Groups, largest first (\(groups.count))"]
        lines += groups.prefix(10).map { "  \($0.label): \($0.cells) cells" }
        if groups.count > 10 { lines.append("  and \(groups.count - 10) more") }
        if let unlabelledCells, unlabelledCells > 0 {
            lines.append("  \(unlabelledCells) cells have no label and would be left out")
        }
        return lines
    }

    private func estimateLines(_ estimate: Estimate) -> [String] {
        var lines = ["", "A run with --method nb-glm"]
        if let control = estimate.controlLabel {
            lines.append("  control '\(control)', \(estimate.perturbations) perturbations")
        } else if let controlProblem {
            lines.append("  \(controlProblem)")
        }
        guard estimate.resultBytes > 0, estimate.blockBytes > 0 else { return lines }
        let blocks = MemorySize(bytes: estimate.blockBytes)
        lines.append(
            "  result of \(MemorySize(bytes: estimate.resultBytes)); counts take up to \(blocks) "
                + "of memory, or of scratch space beyond half of --memory-limit"
        )
        return lines
    }
}
