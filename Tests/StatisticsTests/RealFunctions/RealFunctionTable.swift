import Foundation
import Testing

/// A value known beyond double precision: the nearest double and what is left of it.
struct ReferenceValue {
    /// The double nearest to the exact value.
    let nearest: Double
    /// The exact value less `nearest`, in units of the last place of `nearest`.
    let rest: Double

    /// Distance of `computed` from the exact value, in units of the last place of `nearest`.
    func unitsInLastPlace(_ computed: Double) -> Double {
        if computed == nearest && !computed.isFinite { return 0 }
        return ((computed - nearest) / nearest.ulp - rest).magnitude
    }

    /// Distance of `computed` from the exact value, relative to it.
    func relativeError(_ computed: Double) -> Double {
        // Zero stands for an exact zero or for a value below the least double.
        if computed == nearest && (nearest == 0 || !computed.isFinite) { return 0 }
        return unitsInLastPlace(computed) * (nearest.ulp / nearest.magnitude)
    }
}

/// One line of a reference table.
struct ReferencePoint {
    let arguments: [Double]
    let values: [ReferenceValue]
}

/// Why a reference table could not be read.
enum ReferenceTableError: Error {
    case missing(String)
    case malformed(String, line: Int)
}

/// Reads the table `name` of arguments and values; a value takes two columns.
func referenceTable(_ name: String, arguments: Int = 1) throws -> [ReferencePoint] {
    let found = Bundle.module.url(
        forResource: name,
        withExtension: "tsv",
        subdirectory: "Fixtures/real_functions"
    )
    guard let url = found else { throw ReferenceTableError.missing(name) }
    let lines = try String(contentsOf: url, encoding: .utf8).split(separator: "\n").dropFirst()
    return try lines.enumerated().map { index, line in
        let numbers = line.split(separator: "\t").compactMap { Double($0) }
        let values = stride(from: arguments, to: numbers.count - 1, by: 2).map {
            ReferenceValue(nearest: numbers[$0], rest: numbers[$0 + 1])
        }
        guard !values.isEmpty, numbers.count == arguments + 2 * values.count else {
            throw ReferenceTableError.malformed(name, line: index + 2)
        }
        return ReferencePoint(arguments: Array(numbers.prefix(arguments)), values: values)
    }
}

/// How an error is measured.
enum ErrorMeasure {
    case unitsInLastPlace
    /// Values below the least normal double are left out: they cannot be relatively accurate.
    case relative
}

/// Compares a function with its table and reports the worst argument when the limit is exceeded.
func expectAccurate(
    _ table: String,
    arguments: Int = 1,
    within limit: Double,
    _ measure: ErrorMeasure,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ function: ([Double]) -> [Double]
) throws {
    let points = try referenceTable(table, arguments: arguments)
    #expect(points.count >= 400, sourceLocation: sourceLocation)
    var worst = (error: -1.0, text: "nothing compared")
    for point in points {
        for (value, computed) in zip(point.values, function(point.arguments)) {
            var error: Double
            switch measure {
            case .unitsInLastPlace: error = value.unitsInLastPlace(computed)
            case .relative:
                if value.nearest != 0 && value.nearest.magnitude < 0x1p-1022 { continue }
                error = value.relativeError(computed)
            }
            if error.isNaN { error = .infinity }
            if error > worst.error {
                worst = (error, "\(point.arguments): \(computed) instead of \(value.nearest)")
            }
        }
    }
    #expect(
        worst.error >= 0 && worst.error <= limit,
        "\(table) is off by \(worst.error) (limit \(limit)) at \(worst.text)",
        sourceLocation: sourceLocation
    )
}
