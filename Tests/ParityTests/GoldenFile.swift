import DifferentialExpression
import Foundation
import HDF5
import Statistics

/// Why the golden values could not be used.
enum GoldenError: Error {
    case missing(String)
    case unknownOption(String)
    case unusableOption(String, OptionValue)
    case unknownLabel(String)
}

/// A matrix of the reference, perturbations x genes, or a vector as its only row.
struct GoldenMatrix {
    let columns: Int
    let values: [Double]

    var rows: Int { columns == 0 ? 0 : values.count / columns }

    func row(_ index: Int) -> ArraySlice<Double> {
        values[index * columns..<(index + 1) * columns]
    }
}

/// One data set of the goldens: its screens, cases and the reference's arrays.
struct GoldenFile {
    let folder: URL
    let manifest: Manifest
    private let arrays: HDF5File

    /// The data sets.
    static let names = ["simulated", "pbmc68k", "counts", "log1p", "chunks"]

    /// What `cases.json` says.
    struct Manifest: Decodable {
        let perturbationColumn: String
        let controlLabel: String
        let genes: [String]
        /// Number type of every layer, by method as the command line names it.
        let layers: [String: [String: String]]
        let cases: [Case]
    }

    /// One run of the reference.
    struct Case: Decodable {
        let name: String
        let input: String
        let options: [String: OptionValue]
        let perturbations: [String]
        /// Gene names where the options chose others than the file's index.
        let genes: [String]?
        /// The case whose result is shrunk.
        let source: String?
    }

    init(_ name: String) throws {
        folder = try Self.folder(name)
        manifest = try JSONDecoder().decode(
            Manifest.self,
            from: Data(contentsOf: folder.appendingPathComponent("cases.json"))
        )
        arrays = try HDF5File(opening: folder.appendingPathComponent("reference.h5").path)
    }

    private static func folder(_ name: String) throws -> URL {
        guard
            let cases = Bundle.module.url(
                forResource: "cases",
                withExtension: "json",
                subdirectory: "Fixtures/\(name)"
            )
        else { throw GoldenError.missing(name) }
        return cases.deletingLastPathComponent()
    }

    /// The case with a name.
    func testCase(_ name: String) throws -> Case {
        guard let found = manifest.cases.first(where: { $0.name == name }) else {
            throw GoldenError.missing(name)
        }
        return found
    }

    /// An array of a case, as doubles.
    func array(_ path: String, of testCase: Case) throws -> GoldenMatrix {
        let dataset = try arrays.root.dataset("cases/\(testCase.name)/\(path)")
        return GoldenMatrix(
            columns: try dataset.shape().last ?? 1,
            values: try dataset.readAll(Double.self)
        )
    }

    /// An array of a case; nil when the reference did not come to compute it.
    func arrayIfPresent(_ path: String, of testCase: Case) -> GoldenMatrix? {
        try? array(path, of: testCase)
    }
}

/// The value of an option in `cases.json`.
enum OptionValue: Decodable, Equatable {
    case flag(Bool)
    case number(Double)
    case text(String)
    case texts([String])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else {
            self = .texts(try container.decode([String].self))
        }
    }
}
