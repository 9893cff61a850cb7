/// Consecutive cells of a file in encoded form: what one decode thread makes of one slab.
///
/// Made by ``CellEncoder``; consumed by ``BlockBuilder``. Immutable, so it may cross threads.
package struct EncodedCells: Sendable {
    /// Kind of the values.
    package let kind: SegmentHeader.Kind

    /// Number of genes of the screen.
    package let geneCount: Int

    /// File row of the first cell.
    package let firstRow: UInt32

    /// File row of each cell; nil when they follow the first without gaps.
    let rows: [UInt32]?

    /// Nonzeros of each cell; shape `[cellCount]`.
    package let nonzeroCounts: [UInt32]

    /// Where each cell's bytes begin, and the end of the last; shape `[cellCount + 1]`.
    package let offsets: [Int]

    /// The payloads of all cells one after the other.
    package let bytes: [UInt8]

    /// Number of cells, empty ones included.
    package var cellCount: Int { nonzeroCounts.count }

    init(
        kind: SegmentHeader.Kind,
        geneCount: Int,
        firstRow: UInt32,
        rows: [UInt32]? = nil,
        nonzeroCounts: [UInt32],
        offsets: [Int],
        bytes: [UInt8]
    ) {
        self.kind = kind
        self.geneCount = geneCount
        self.firstRow = firstRow
        self.rows = rows
        self.nonzeroCounts = nonzeroCounts
        self.offsets = offsets
        self.bytes = bytes
    }

    /// File row of a cell.
    func row(_ cell: Int) -> UInt32 { rows?[cell] ?? firstRow + UInt32(cell) }
}
