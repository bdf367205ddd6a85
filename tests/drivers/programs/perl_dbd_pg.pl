# Perl's DBD::Pg.
use strict;
use warnings;
use utf8;
use DBI;
use DBD::Pg qw(:pg_types);
use JSON::PP;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
$| = 1;
sub say_step { my ($step, $value) = @_; print $json->encode({step => $step, value => $value}), "\n"; }

my ($user, $host, $port, $name) = $ARGV[0] =~ m{^postgresql://(\w+)\@([\d.]+):(\d+)/(\w+)$} or die "no URL";
my $db = DBI->connect("dbi:Pg:host=$host;port=$port;dbname=$name", $user, undef,
    {RaiseError => 1, PrintError => 0, AutoCommit => 1});

# What a statement dies with: a text that begins with the class; the rest is asked of the handle.
sub failure {
    my ($work) = @_;
    eval { $work->(); 1 } and die "it passed";
    return $@;
}
sub told {
    my ($text) = @_;
    my ($class) = $text =~ /^(DBD::Pg::\w+)/;
    return {class => $class, sqlstate => $db->state, message => $db->pg_error_field("message_primary"),
        detail => $db->pg_error_field("message_detail"), hint => $db->pg_error_field("message_hint")};
}
sub ids {
    return [map { $_ + 0 } @{$db->selectcol_arrayref(
        "SELECT id FROM orders WHERE id BETWEEN ? AND ? ORDER BY id", undef, @_)}];
}

my $pid = $db->{pg_pid};
my $insert = $db->prepare("INSERT INTO orders VALUES (?, ?)");
my $select = $db->prepare("SELECT item FROM orders WHERE id = ?");
sub item { my ($id) = @_; $select->execute($id); my ($item) = $select->fetchrow_array; $select->finish; return $item; }
say_step("connect", "$DBD::Pg::VERSION");

$db->do("CREATE TEMP TABLE scratch (id int PRIMARY KEY, label text, price numeric(10, 2), day date, doc jsonb,"
    . " raw bytea, tags int[], nothing text)");
my $values = $db->prepare("INSERT INTO scratch VALUES (1, ?, ?, ?, ?, ?, ?, ?)");
$values->bind_param(5, pack("H*", "00ff0d0a"), {pg_type => PG_BYTEA});
my @given = ("déjà 🐘 \\ ' \"", "12.50", "2026-03-04", '{"a": [1, null, "x"]}', undef, [1, 2, 3], undef);
$values->bind_param($_ + 1, $given[$_]) for grep { $_ != 4 } 0 .. 6;
$values->execute;
my $row = $db->selectrow_hashref("SELECT label, price, day, doc, raw, tags, nothing FROM scratch");
$row->{doc} = JSON::PP->new->decode($row->{doc});
$row->{raw} = unpack("H*", $row->{raw});
$row->{tags} = [map { $_ + 0 } @{$row->{tags}}];
say_step("values", $row);

$db->begin_work;
$insert->execute(2, "desk");
$db->commit;
$db->begin_work;
$insert->execute(3, "chair");
$db->rollback;
say_step("transactions", ids(1, 9));
say_step("prepared", [item(1), item(2), item(9)]);
$insert->execute_array({}, [10, 11, 12], ["a", "b", "c"]);
say_step("batch", ids(10, 19));

$db->do("COPY orders FROM STDIN");
$db->pg_putcopydata($_) for "20\tpen\n21", "\tink\n";
$db->pg_putcopyend;
$db->do("COPY (SELECT * FROM orders WHERE id IN (20, 21) ORDER BY id) TO STDOUT");
my ($copied, $line) = ("");
$copied .= $line while $db->pg_getcopydata($line) >= 0;
say_step("copy", $copied);

$db->do("LISTEN news");
$db->do("NOTIFY news, 'hello'");
my $heard = $db->pg_notifies;
say_step("notify", [$heard->[0], $heard->[2]]);
say_step("columns", [map { $_->{COLUMN_NAME} } @{$db->column_info(undef, "public", "orders", "%")->fetchall_arrayref({})}]);

say_step("refused_drop", told(failure(sub { $db->do("DROP TABLE orders") })));
$db->begin_work;
$insert->execute(30, "never");
say_step("refused_delete", told(failure(sub { $db->do("DELETE FROM orders") })));
failure(sub { $db->do("SELECT 1") });
say_step("aborted", $db->state);
$db->rollback;
say_step("rolled_back", ids(30, 39));

my $found = item(1);
$insert->execute(40, "vase");
my $changed = $db->do("UPDATE orders SET item = ? WHERE id = ?", undef, "table", 2);
my ($scratch) = $db->selectrow_array("SELECT count(*) FROM scratch");
my ($last) = $db->selectrow_array("SELECT pg_backend_pid()");
$db->do("DROP TABLE scratch");
say_step("more_work", {item => $found, changed => $changed + 0, scratch => $scratch + 0,
    same_connection => $last == $pid ? JSON::PP::true : JSON::PP::false});
$db->disconnect;
