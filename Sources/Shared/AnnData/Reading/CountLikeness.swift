/// Whether the values of the first cells look like counts.
///
/// They do when at least one is positive and all positive ones are integers but for rounding.
/// Normalised and log-transformed values of 100 cells are never all integers, and a test on counts
/// that were taken for them would give numbers without meaning.
struct CountLikeness: Sendable {
    /// Cells that are looked at.
    static let cellCount = 100

    /// The first positive value that was met.
    struct Example: Sendable {
        let cell: Int
        let gene: Int
        let value: String
    }

    /// Cells seen so far.
    private(set) var seenCells = 0
    private var example: Example?
    private var positiveCount = 0
    private var allAreIntegers = true

    /// Nothing seen.
    init() {}

    /// Looks at those of the first cells of the file that are among `rows`.
    init<Value: StreamedValue>(_ rows: borrowing ValueRows<Value>) {
        let first = rows.firstCell
        seenCells = max(0, min(rows.cellCount, Self.cellCount - first))
        for cell in 0..<seenCells {
            for entry in rows.rowStarts[cell]..<rows.rowStarts[cell + 1] {
                let value = Double(rows.values[entry])
                guard value > 0 else { continue }
                positiveCount += 1
                if !Self.isInteger(value) { allAreIntegers = false }
                if example == nil {
                    example = Example(
                        cell: first + cell,
                        gene: Int(rows.genes[entry]),
                        value: "\(rows.values[entry])"
                    )
                }
            }
        }
    }

    /// Adds what was seen in the cells that follow.
    mutating func add(_ next: CountLikeness) {
        seenCells += next.seenCells
        positiveCount += next.positiveCount
        allAreIntegers = allAreIntegers && next.allAreIntegers
        example = example ?? next.example
    }

    /// The first positive value, when the values seen look like counts.
    var finding: (example: Example, positiveCount: Int)? {
        guard allAreIntegers, let example else { return nil }
        return (example, positiveCount)
    }

    private static func isInteger(_ value: Double) -> Bool {
        let nearest = value.rounded(.toNearestOrEven)
        return (value - nearest).magnitude <= 1e-8 + 1e-5 * nearest.magnitude
    }
}
