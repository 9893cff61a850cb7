import AnnData
import DifferentialExpression
import Digests
import Foundation
import Glibc
import Statistics

/// A result of the negative binomial GLM whose fold changes are to be shrunk.
struct EarlierResult: Sendable {
    /// Layers that shrinkage starts from.
    private static let needed = [
        "intercept", "logfoldchange_raw_ln", "standard_error_ln", "dispersion",
    ]
    /// Layers that must be there beside them: a result without them is of another kind.
    private static let expected = ["X", "logfoldchanges", "logfoldchange_raw", "standard_error"]

    let reader: ResultReader
    /// Column of the counts' `obs` with the labels.
    let perturbationColumn: String
    /// Label of the control.
    let controlLabel: String
    /// Unit of the fold changes.
    let foldChangeBase: AnalysisOptions.FoldChangeBase
    /// Size factors of the fit: of all labelled cells, or of all cells of the file.
    let sizeFactors: [Double]
    /// Digest of the whole file.
    let digest: Digest128

    /// Opens a result and checks that it can be shrunk.
    ///
    /// - Throws: ``RunFailure`` naming what is missing.
    init(path: String) throws(RunFailure) {
        guard access(path, F_OK) == 0 else { throw RunFailure(.noInput, "\(path): no such file") }
        let reader: ResultReader
        let texts: [String?]
        let factors: UnsValue?
        do throws(AnnDataWriteError) {
            reader = try ResultReader(path: path, from: .any)
            texts = [
                try reader.method(), try reader.text("perturbation_column"),
                try reader.text("control_label"), try reader.text("lfc_base"),
                try reader.text("lfc_shrinkage_type"),
            ]
            factors = try reader.value("size_factors")
        } catch {
            throw RunFailure(reading: error)
        }
        if let method = texts[0], method != AnalysisOptions.Method.nbGLM.rawValue {
            throw RunFailure(
                .badInput,
                "\(path): it is a result of \(method); only fold changes of nb-glm are shrunk"
            )
        }
        for layer in Self.expected + Self.needed where !reader.layerNames.contains(layer) {
            throw RunFailure(
                .badInput,
                "\(path): the result has no layer \(layer); give one that 'run --method nb-glm' wrote"
            )
        }
        guard let column = texts[1], let control = texts[2] else {
            throw RunFailure(
                .badInput,
                "\(path): uns does not say perturbation_column and control_label; give a result that "
                    + "'run --method nb-glm' wrote"
            )
        }
        self.reader = reader
        perturbationColumn = column
        controlLabel = control
        foldChangeBase = texts[3] == "log2" || texts[3] == nil ? .log2 : .ln
        if case .doubles(let values) = factors { sizeFactors = values } else { sizeFactors = [] }
        digest = try Self.digest(path)
        wasShrunkInline = texts[4] == AnalysisOptions.InlineShrinkage.apeglm.rawValue
    }

    /// Whether the fit shrank its fold changes itself, so that its errors are posterior ones.
    let wasShrunkInline: Bool

    private static func digest(_ path: String) throws(RunFailure) -> Digest128 {
        let digester = Digester()
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw RunFailure(.noInput, "\(path): cannot be read")
        }
        defer { try? file.close() }
        do {
            while let data = try file.read(upToCount: 8 << 20), !data.isEmpty {
                data.withUnsafeBytes { digester.update($0) }
            }
        } catch {
            throw RunFailure(.inputOutput, "\(path): \(error.localizedDescription)")
        }
        return digester.finish()
    }

    /// What the shrinkage of one row starts from.
    func input(row: Int) throws(RunFailure) -> ShrinkageInput {
        do throws(AnnDataWriteError) {
            return ShrinkageInput(
                intercept: try reader.row(row, of: "intercept"),
                effect: try reader.row(row, of: "logfoldchange_raw_ln"),
                standardError: try reader.row(row, of: "standard_error_ln"),
                dispersion: try reader.row(row, of: "dispersion")
            )
        } catch {
            throw RunFailure(reading: error)
        }
    }

    /// The prior's scale from all pairs, natural log; reads row by row.
    func globalPriorScale() throws(RunFailure) -> Double {
        // The pairs of a large result are read anew for every trial; small ones are kept.
        let rows = reader.perturbations.indices
        let isSmall = rows.count * reader.genes.count <= 1 << 24
        var kept: [Int: ShrinkageInput] = [:]
        return try PriorScale.estimate { variance throws(RunFailure) in
            var sums = PriorScale.Sums()
            for row in rows {
                let input: ShrinkageInput
                if let known = kept[row] {
                    input = known
                } else {
                    input = try self.input(row: row)
                    if isSmall { kept[row] = input }
                }
                sums += PriorScale.Sums(
                    effects: input.effect,
                    errors: input.standardError,
                    variance: variance
                )
            }
            return sums
        }
    }

    /// The layout of the shrunken result: everything of the earlier one, and what was done.
    ///
    /// - Parameter additions: Values of `uns` that are new or replace earlier ones.
    /// - Returns: A layout with the earlier layers, labels and genes.
    /// - Throws: ``RunFailure`` when the earlier result cannot be read.
    func layout(adding additions: [(String, UnsValue)]) throws(RunFailure) -> ResultLayout {
        let earlier: [(String, UnsValue)]
        do throws(AnnDataWriteError) {
            earlier = try reader.values()
        } catch {
            throw RunFailure(reading: error)
        }
        // scanpy's ranking is of the earlier fold changes and would contradict the new ones.
        let replaced = Set(additions.map(\.0) + [ScanpyGroups.key])
        return ResultLayout(
            perturbationColumn: perturbationColumn,
            perturbations: reader.perturbations,
            genes: reader.genes,
            layers: reader.layerNames.map {
                ($0, reader.isSinglePrecision($0) ? .float32 : .float64)
            },
            uns: earlier.filter { !replaced.contains($0.0) } + additions,
            statusCategories: ResultDescription.statusCategories
        )
    }

    /// Writes the layers of a row that shrinkage leaves as they are.
    func carry(row: Int, into rows: ResultRows) throws(RunFailure) {
        let replaced = Set(RowSchema.shrinkage.layers.map(\.name))
        do throws(AnnDataWriteError) {
            for (index, layer) in rows.map.layers.enumerated() where !replaced.contains(layer.name)
            {
                try rows.write(layer: index, row: row, values: try reader.row(row, of: layer.name))
            }
        } catch {
            throw RunFailure(error)
        }
    }

    /// The status code of a row of the earlier result, 0 where it did not say.
    func status(row: Int) -> Int8 {
        let status = reader.statuses[row] ?? ResultDescription.statusCategories[0]
        return Int8(ResultDescription.statusCategories.firstIndex(of: status) ?? 0)
    }
}

/// An earlier result as a run takes it up: a row of it comes with every perturbation.
struct EarlierRows: Sendable {
    let result: EarlierResult
    /// The prior's scale from all pairs, natural log.
    let globalScale: Double

    /// Bytes that follow the block of each perturbation.
    var inputBytes: Int { 4 * 8 * result.reader.genes.count + Digest128.byteCount }

    /// What follows the block of a perturbation: its row and the row's digest.
    func input(row: Int) throws(RunFailure) -> [UInt8] {
        let bytes = try result.input(row: row).encoded()
        return bytes + bytes.withUnsafeBytes { Digest128(of: $0).bytes }
    }

    /// The result's size factors by file row.
    ///
    /// - Parameter groupOfCell: The group of each cell of the counts, -1 for none.
    /// - Returns: One factor for each cell of the file, NaN for cells without a label.
    /// - Throws: ``RunFailure`` when the result is of other cells.
    func sizeFactors(groupOfCell: [Int32]) throws(RunFailure) -> [Double] {
        let factors = result.sizeFactors
        if factors.count == groupOfCell.count { return factors }
        let labelled = groupOfCell.indices.filter { groupOfCell[$0] >= 0 }
        guard factors.count == labelled.count else {
            throw RunFailure(
                .badInput,
                "\(result.reader.path): the result has \(factors.count) size factors, the counts have "
                    + "\(groupOfCell.count) cells; give the screen it was computed from as --input"
            )
        }
        var byRow = [Double](repeating: .nan, count: groupOfCell.count)
        for (index, row) in labelled.enumerated() { byRow[row] = factors[index] }
        return byRow
    }

    /// Checks that the counts are those of the result.
    ///
    /// - Throws: ``RunFailure`` when genes or content differ.
    func check(genes: [String], content: Digest128) throws(RunFailure) {
        guard genes == result.reader.genes else {
            throw RunFailure(
                .badInput,
                "\(result.reader.path): the result has other genes than the counts; give the screen it "
                    + "was computed from as --input, with the --gene-name-column of that run"
            )
        }
        let name = "\(ResultLayout.markerKey)/content"
        guard let known = try? result.reader.text(name), known != "\(content)" else { return }
        throw RunFailure(
            .badInput,
            "\(result.reader.path): the counts are not those the result was computed from"
        )
    }

    /// The layout of the shrunken result.
    func layout(fingerprint: String, options: AnalysisOptions) throws(RunFailure) -> ResultLayout {
        let marker: UnsValue?
        do throws(AnnDataWriteError) {
            marker = try result.reader.value(ResultLayout.markerKey)
        } catch {
            throw RunFailure(reading: error)
        }
        let provenance = ShrinkageProvenance(
            method: "full",
            scope: options.priorScaleScope,
            globalScale: globalScale,
            minimumMean: options.minimumMean,
            earlier: result.digest,
            fingerprint: fingerprint
        )
        return try result.layout(adding: provenance.values(of: marker))
    }
}
