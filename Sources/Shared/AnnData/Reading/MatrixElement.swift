package import HDF5

/// A number that a pass delivers: a count or an expression value.
package protocol MatrixElement: Numeric, Comparable, BitwiseCopyable, Sendable {
    /// What duplicates are summed in.
    associatedtype Sum: AdditiveArithmetic & CustomStringConvertible & Sendable

    /// Numbers of 32 bits that hold the element.
    static var wordCount: Int { get }

    /// Converts `count` numbers at `source`, which need not be aligned.
    ///
    /// Returns the position of the first number that is refused, or `count` when none is; what
    /// `target` holds from that position on is undefined.
    static func convert(
        _ source: UnsafeRawPointer,
        _ number: HDF5Number,
        _ count: Int,
        _ target: UnsafeMutablePointer<Self>
    ) -> Int

    /// The error about a number at `source` that was refused.
    static func refusal(
        _ place: MatrixPlace,
        _ source: UnsafeRawPointer,
        _ number: HDF5Number
    ) -> AnnDataError

    /// The error about duplicates whose sum is no element.
    static func refusal(_ place: MatrixPlace, sum: Sum) -> AnnDataError

    /// The element as a sum of one.
    var sum: Sum { get }

    /// The element that a sum is; nil when it is none.
    init?(sum: Sum)

    /// Writes the element as ``wordCount`` numbers.
    func write(to words: UnsafeMutablePointer<UInt32>)

    /// Reads what ``write(to:)`` wrote.
    init(words: UnsafePointer<UInt32>)
}

/// The place of a value, for errors.
package struct MatrixPlace {
    /// The file.
    package let path: String
    /// The element that holds the value.
    package let element: String
    /// Position of the cell in the file.
    package let cell: Int
    /// Position of the gene in the file.
    package let gene: Int
}

extension UInt32: MatrixElement {
    package static var wordCount: Int { 1 }

    package static func convert(
        _ source: UnsafeRawPointer,
        _ number: HDF5Number,
        _ count: Int,
        _ target: UnsafeMutablePointer<UInt32>
    ) -> Int {
        CountConversion.convert(source, number, count, target)
    }

    package static func refusal(
        _ place: MatrixPlace,
        _ source: UnsafeRawPointer,
        _ number: HDF5Number
    ) -> AnnDataError {
        let (value, problem) = CountConversion.problem(source, number)
        return refusal(place, value, problem)
    }

    package static func refusal(_ place: MatrixPlace, sum: UInt64) -> AnnDataError {
        refusal(place, "duplicates that sum to \(sum)", .tooLarge)
    }

    private static func refusal(
        _ place: MatrixPlace,
        _ value: String,
        _ problem: AnnDataError.CountProblem
    ) -> AnnDataError {
        .notACount(
            path: place.path,
            element: place.element,
            cell: place.cell,
            gene: place.gene,
            value: value,
            problem: problem
        )
    }

    package var sum: UInt64 { UInt64(self) }

    package init?(sum: UInt64) { self.init(exactly: sum) }

    package func write(to words: UnsafeMutablePointer<UInt32>) { words[0] = self }

    package init(words: UnsafePointer<UInt32>) { self = words[0] }
}
