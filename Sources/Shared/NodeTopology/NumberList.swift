/// The kernel's text form of a set of CPUs or nodes, such as `0-3,8,10-11`.
package enum NumberList {
    /// No machine numbers its CPUs or nodes higher; a larger number is damage, not a machine.
    package static let largestNumber = 1 << 20

    /// Reads a list; empty text is the empty set.
    ///
    /// - Parameters:
    ///   - text: Numbers and ascending ranges separated by commas; spaces around them are ignored.
    ///   - source: The file or option, for the error.
    /// - Returns: The numbers, ascending, each once.
    /// - Throws: `NodeTopologyError.malformedNumberList`.
    package static func parse(_ text: String, source: String) throws(NodeTopologyError) -> [Int] {
        var numbers: Set<Int> = []
        let trimmed = text.filter { !$0.isWhitespace }
        guard !trimmed.isEmpty else { return [] }
        for item in trimmed.split(separator: ",", omittingEmptySubsequences: false) {
            let bounds = item.split(separator: "-", omittingEmptySubsequences: false)
            guard bounds.count <= 2,
                let first = number(bounds[0]),
                let last = bounds.count == 2 ? number(bounds[1]) : first,
                first <= last
            else {
                throw .malformedNumberList(text: trimmed, source: source)
            }
            numbers.formUnion(first...last)
        }
        return numbers.sorted()
    }

    /// Writes a set of numbers the way `parse` reads it, with runs as ranges.
    package static func format(_ numbers: [Int]) -> String {
        var items: [String] = []
        let sorted = Set(numbers).sorted()
        var start = 0
        for index in sorted.indices {
            let isLast = index + 1 == sorted.count
            guard isLast || sorted[index + 1] != sorted[index] + 1 else { continue }
            items.append(
                start == index ? "\(sorted[start])" : "\(sorted[start])-\(sorted[index])"
            )
            start = index + 1
        }
        return items.joined(separator: ",")
    }

    private static func number(_ text: Substring) -> Int? {
        guard text.allSatisfy({ ("0"..."9").contains($0) }), let value = Int(text) else {
            return nil
        }
        return value <= largestNumber ? value : nil
    }
}
