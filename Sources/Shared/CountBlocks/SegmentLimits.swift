/// The bounds of a segment; part of the format, since they decide where a block is cut.
package enum SegmentLimits {
    /// A segment with this many cells is full.
    package static let cellCount = 1024

    /// A segment with at least this many nonzeros is full.
    package static let nonzeroCount = 1 << 20

    /// The most genes a screen may have.
    package static let geneCount = 1 << 24

    /// The most nonzeros a segment can have: the last cell may pass the limit by its own nonzeros.
    static func maximumNonzeroCount(geneCount: Int) -> Int {
        nonzeroCount - 1 + geneCount
    }
}
