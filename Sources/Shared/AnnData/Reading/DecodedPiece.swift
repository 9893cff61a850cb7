/// The arrays of one decoding thread.
///
/// Used by that thread alone and used again for every piece.
final class DecodedPiece<Element: MatrixElement> {
    private(set) var starts = UnsafeMutableBufferPointer<Int>.allocate(capacity: 1)
    private(set) var inner = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: 1)
    private(set) var values = UnsafeMutableBufferPointer<Element>.allocate(capacity: 1)

    deinit {
        starts.deallocate()
        inner.deallocate()
        values.deallocate()
    }

    /// Makes room for so many rows and entries; what was there is lost.
    func reserve(rows: Int, entries: Int) {
        if starts.count < rows + 1 {
            starts.deallocate()
            starts = .allocate(capacity: rows + 1)
        }
        if inner.count < entries {
            inner.deallocate()
            values.deallocate()
            inner = .allocate(capacity: entries)
            values = .allocate(capacity: entries)
        }
    }

    /// Row borders, counted from the first entry of the piece.
    func rowStarts(_ rows: Int) -> UnsafeMutableBufferPointer<Int> {
        UnsafeMutableBufferPointer(rebasing: starts[..<(rows + 1)])
    }

    /// Cleans decoded cells and hands them to `transform`.
    func deliver<Encoded: Sendable>(
        _ cells: Range<Int>,
        path: String,
        element: String,
        _ transform: (borrowing ValueRows<Element>) throws -> Encoded
    ) throws -> Delivery<Encoded> {
        let report = try clean(cells, path: path, element: element)
        let rows = ValueRows<Element>(
            firstCell: cells.lowerBound,
            rowStarts: UnsafeBufferPointer(rowStarts(cells.count)),
            genes: UnsafeBufferPointer(rebasing: UnsafeBufferPointer(inner)[..<report.nonzeros]),
            values: UnsafeBufferPointer(rebasing: UnsafeBufferPointer(values)[..<report.nonzeros])
        )
        return Delivery(encoded: try transform(rows), report: report)
    }

    /// Brings the decoded cells into the form that is promised.
    @specialized(where Element == UInt32)
    @specialized(where Element == Float)
    @specialized(where Element == Double)
    private func clean(
        _ cells: Range<Int>,
        path: String,
        element: String
    ) throws(AnnDataError) -> StreamReport {
        var cleaning = RowCleaning<Element>()
        var report = StreamReport()
        report.cells = cells.count
        guard let genes = inner.baseAddress, let values = values.baseAddress else { return report }
        report.nonzeros = cleaning.clean(rowStarts(cells.count), genes, values)
        if let overflow = cleaning.overflow {
            let place = MatrixPlace(
                path: path,
                element: element,
                cell: cells.lowerBound + overflow.row,
                gene: Int(overflow.gene)
            )
            throw Element.refusal(place, sum: overflow.sum)
        }
        report.explicitZerosDropped = cleaning.zerosDropped
        report.duplicatesSummed = cleaning.duplicatesSummed
        report.unsortedRows = cleaning.unsortedRows
        for entry in 0..<report.nonzeros { report.negativeValues += values[entry] < 0 ? 1 : 0 }
        return report
    }
}
