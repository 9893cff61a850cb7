import AnnData
import DifferentialExpression
import Foundation

/// What `merge` needs to publish, beside the rows: kept as a resource that no worker asks for.
struct PublicationPlan: Codable {
    /// Name of the resource with this plan.
    static let resource = "publication"
    /// Name of the resource with the result's frame.
    static let frameResource = "result-frame"

    /// Options that decide the numbers.
    var options: AnalysisOptions
    /// Where each layer lies in the result.
    var layout: ResultFileMap
    /// Digest of the result's frame, hexadecimal.
    var frameDigest: String
    /// Names of the genes.
    var genes: [String]
    /// Cells of the screen.
    var cells: Int
    /// Cells that take no part.
    var cellsWithoutLabel: Int
    /// Nonzeros of all cells that do.
    var nonzeros: Int

    /// Reads a plan.
    init(_ bytes: [UInt8]) throws(RunFailure) {
        do {
            self = try JSONDecoder().decode(PublicationPlan.self, from: Data(bytes))
        } catch {
            throw RunFailure(.badInput, "the run's plan cannot be understood; prepare it again")
        }
    }

    /// The plan as bytes.
    func encoded() throws(RunFailure) -> [UInt8] {
        guard let data = try? JSONEncoder().encode(self) else {
            throw RunFailure(.internalError, "the run's plan cannot be encoded")
        }
        return Array(data)
    }

    /// Gathers what publishing needs.
    init(
        options: AnalysisOptions,
        layout: ResultFileMap,
        frameDigest: String,
        genes: [String],
        cells: Int,
        cellsWithoutLabel: Int,
        nonzeros: Int
    ) {
        self.options = options
        self.layout = layout
        self.frameDigest = frameDigest
        self.genes = genes
        self.cells = cells
        self.cellsWithoutLabel = cellsWithoutLabel
        self.nonzeros = nonzeros
    }
}
