/// The comparison of one layer with the reference's, element by element.
struct Comparison {
    /// Name of the layer or stage.
    let name: String
    /// Largest share of the allowed difference that an element used up.
    private(set) var worstExcess = 0.0
    /// Elements compared.
    private(set) var count = 0

    private var worstText = "nothing differs"
    private var beyond = 0
    private var oneOff = 0
    private var allowedBeside = 0.0

    init(_ name: String) {
        self.name = name
    }

    /// Whether every element is within its bound, and something was compared.
    var passed: Bool {
        count > 0 && beyond == 0 && Double(oneOff) <= max(1, allowedBeside)
    }

    /// What is wrong, or how near it came.
    var description: String {
        "\(name): \(beyond) of \(count) elements beyond tolerance, \(oneOff) one off; "
            + "worst, at \(worstExcess) of its tolerance: \(worstText)"
    }

    /// Compares one element.
    ///
    /// - Parameters:
    ///   - expected: The reference's value.
    ///   - found: Our value.
    ///   - bound: The allowed difference.
    ///   - error: The element's standard error in the layer's unit; NaN when there is none.
    ///   - place: Labels of the element, for the message.
    mutating func add(
        _ expected: Double,
        _ found: Double,
        within bound: Bound,
        error: Double = .nan,
        at place: @autoclosure () -> String
    ) {
        count += 1
        allowedBeside += bound.shareBeside
        let excess = bound.excess(expected, found, error: error)
        if bound.shareBeside > 0, expected != found, excess == 0 { oneOff += 1 }
        if excess > 1 { beyond += 1 }
        if excess > worstExcess {
            worstExcess = excess
            worstText = "\(place()): reference \(expected), here \(found)"
        }
    }
}
